ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_german1_ci;
CREATE TABLE kinds (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  tiny TINYINT(1), big BIGINT UNSIGNED, deci DECIMAL(40, 15), f FLOAT, f2 FLOAT(9, 3), d DOUBLE, b BIT(17), y YEAR,
  c CHAR(5) CHARACTER SET latin1 COLLATE latin1_bin, u VARCHAR(20) CHARACTER SET utf8mb4, w VARCHAR(20) CHARACTER SET utf16, old TEXT CHARACTER SET latin1,
  bin BINARY(6), vb VARBINARY(300), bl LONGBLOB, e ENUM('a', 'ü', ''), s SET('x', 'y', 'it''s'),
  dt DATE, tm TIME(3), stamp TIMESTAMP(6) NULL, moment DATETIME(6) DEFAULT current_timestamp(6), js JSON, g GEOMETRY, uu UUID, ip INET6,
  twice BIGINT GENERATED ALWAYS AS (tiny * 2) STORED, thrice BIGINT AS (tiny * 3) VIRTUAL, hidden INT INVISIBLE DEFAULT 7,
  note VARCHAR(50) DEFAULT 'it''s a `b` \\ "c"' COMMENT 'two\nlines; $x$ ''q''',
  KEY by_note (note(10) DESC), UNIQUE KEY (big), FULLTEXT KEY (u), CONSTRAINT `positive one` CHECK (tiny > -100)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='AUTO_INCREMENT=5; one of everything' ROW_FORMAT=DYNAMIC;
INSERT INTO kinds (tiny, big, deci, f, f2, d, b, y, c, u, w, old, bin, vb, bl, e, s, dt, tm, stamp, moment, js, g, uu, ip, hidden) VALUES
  (1, 18446744073709551615, 1234567890123456789012345.123456789012345, 16777217, 3.1416, 0.1e0 + 0.2e0, b'10000000000000001', 2026, 'ä', '😀 it''s', 'ü😀', 'ÄÖ', 'ab', x'00270a5c1aff0d22', x'ff00fe', 'ü', 'x,it''s', '2026-02-28', '-12:34:56.789', '2026-01-01 00:00:00.123456', '2026-01-01 00:00:00', '{"a": [1, "ü"]}', ST_GeomFromText('POINT(1 2)', 4326), UUID(), '::1', 1),
  (2, 0, -0.000000000000001, 0.123456789, 0.1, 1.7976931348623157e308, 0, 1901, '', '', '', '', '', '', '', '', '', '1000-01-01', '838:59:59', '1970-01-01 00:00:01', '9999-12-31 23:59:59.999999', '[]', NULL, NULL, NULL, 2),
  (3, NULL, NULL, -1e-38, NULL, 5e-324, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SET sql_mode = '';
INSERT INTO kinds (tiny, dt, e, moment, d) VALUES (4, '2026-00-00', 'none of them', '0000-00-00', -0e0);
INSERT INTO kinds (id, tiny) VALUES (900, 5);
DELETE FROM kinds WHERE id = 900;
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
INSERT INTO kinds (id, tiny) VALUES (0, 6);
SET sql_mode = DEFAULT;
CREATE TABLE `odd ``name; --` (`select` INT PRIMARY KEY, `a ``b` INT, KEY (`a ``b`), CONSTRAINT `fk ``x` FOREIGN KEY (`a ``b`) REFERENCES `odd ``name; --` (`select`) ON DELETE SET NULL);
INSERT INTO `odd ``name; --` VALUES (1, NULL), (2, 1);
CREATE TABLE hen (id INT PRIMARY KEY, egg INT, KEY (egg)) ENGINE=InnoDB;
CREATE TABLE egg (id INT PRIMARY KEY, hen INT, KEY (hen), CONSTRAINT zz_comes_from FOREIGN KEY (hen) REFERENCES hen (id) ON UPDATE CASCADE, CHECK (id > 0)) ENGINE=InnoDB;
ALTER TABLE hen ADD CONSTRAINT comes_from FOREIGN KEY (egg) REFERENCES egg (id), ADD FOREIGN KEY (id) REFERENCES egg (id);
SET foreign_key_checks = 0;
INSERT INTO hen VALUES (1, 1);
SET foreign_key_checks = 1;
INSERT INTO egg VALUES (1, 1);
CREATE SEQUENCE tickets START WITH 100 INCREMENT BY 10 CACHE 5;
SELECT NEXTVAL(tickets);
CREATE TABLE queue (ticket BIGINT NOT NULL DEFAULT NEXTVAL(tickets) COMMENT 'next', who TEXT);
INSERT INTO queue (who) VALUES ('ada'), ('bob');
CREATE TABLE parted (id INT, at DATE, PRIMARY KEY (id, at)) PARTITION BY RANGE (YEAR(at)) (PARTITION old VALUES LESS THAN (2026), PARTITION new VALUES LESS THAN MAXVALUE);
INSERT INTO parted VALUES (1, '2025-01-01'), (2, '2026-01-01');
CREATE TABLE myisam (a INT NOT NULL AUTO_INCREMENT, t TEXT, PRIMARY KEY (a)) ENGINE=MyISAM AUTO_INCREMENT=17;
CREATE TABLE aria (a INT) ENGINE=Aria TRANSACTIONAL=1;
INSERT INTO myisam (t) VALUES ('one'), ('one');
INSERT INTO aria VALUES (1), (NULL);
CREATE FUNCTION twice(x INT) RETURNS INT DETERMINISTIC RETURN x * 2;
CREATE VIEW z_view AS SELECT ticket, twice(ticket) AS two, 'ünï' AS lit FROM queue WHERE who <> 'it''s' WITH CASCADED CHECK OPTION;
CREATE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW a_reads_z AS SELECT * FROM z_view WHERE ticket > 0;
CREATE TABLE log (n INT AUTO_INCREMENT PRIMARY KEY, what TEXT) AUTO_INCREMENT=50;
CREATE TRIGGER second AFTER INSERT ON queue FOR EACH ROW INSERT INTO log (what) VALUES (concat('second ', NEW.who));
CREATE TRIGGER first AFTER INSERT ON queue FOR EACH ROW PRECEDES second BEGIN IF NEW.ticket > 0 THEN INSERT INTO log (what) VALUES ('first'); END IF; END;
CREATE TRIGGER lower BEFORE UPDATE ON queue FOR EACH ROW SET NEW.who = lower(NEW.who);
SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT';
CREATE PROCEDURE "greet"(IN "who" VARCHAR(20), OUT said TEXT) COMMENT 'ünï' BEGIN
  -- a comment; with 'quotes'
  SET said = 'hello ' || "who";
END;
SET sql_mode = DEFAULT;
SET time_zone = '+05:00';
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' ON COMPLETION PRESERVE COMMENT 'at night' DO DELETE FROM log;
CREATE EVENT never ON SCHEDULE EVERY 2 HOUR DISABLE DO BEGIN DELETE FROM log; DELETE FROM aria; END;
