package mariadb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"

	"github.com/go-sql-driver/mysql"

	"upkeep/internal/database"
)

// numbers maps the server's error numbers to what they mean for a person
// (MariaDB manual, "Error Codes").
var numbers = map[uint16]error{
	1045: database.ErrAuth, 1129: database.ErrAuth, 1130: database.ErrAuth, 1524: database.ErrAuth, 1698: database.ErrAuth, 4151: database.ErrAuth,
	1049: database.ErrNoDatabase,
	1053: database.ErrUnreachable, 1317: database.ErrUnreachable, 1927: database.ErrUnreachable,
	1290: database.ErrRecovery, 1836: database.ErrRecovery,
	1040: database.ErrBusy, 1203: database.ErrBusy, 1226: database.ErrBusy,
	1021: database.ErrDiskFull, 1114: database.ErrDiskFull,
	1044: database.ErrPermission, 1142: database.ErrPermission, 1143: database.ErrPermission, 1227: database.ErrPermission, 1370: database.ErrPermission,
	1410: database.ErrPermission, 1418: database.ErrPermission, 1419: database.ErrPermission,
	1205: database.ErrInUse, 1213: database.ErrInUse,
	1034: database.ErrDamaged, 1035: database.ErrDamaged, 1194: database.ErrDamaged, 1195: database.ErrDamaged, 1712: database.ErrDamaged,
}

// atConnect tells a database that does not exist: a server hides that from an
// account that could not use it anyway.
func atConnect(err error) error {
	var said *mysql.MySQLError
	if errors.As(err, &said) && said.Number == 1044 {
		return fmt.Errorf("%w, or the account may not use it: %s (%d)", database.ErrNoDatabase, said.Message, said.Number)
	}
	return err
}

// explain adds to an error of the driver what it means. Our own deadline or
// cancellation stays visible.
func explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("interrupted: %w", cause)
	}
	for _, kind := range []error{database.ErrNoDatabase, database.ErrInUse, database.ErrDamaged, database.ErrPermission, database.ErrScript, database.ErrNoRow} {
		if errors.Is(err, kind) {
			return err
		}
	}
	var said *mysql.MySQLError
	if errors.As(err, &said) {
		kind := numbers[said.Number]
		if noRoom.MatchString(said.Message) {
			kind = database.ErrDiskFull
		}
		if kind != nil {
			return fmt.Errorf("%w: %s (%d)", kind, said.Message, said.Number)
		}
		return err
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, net.ErrClosed) || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %s", database.ErrUnreachable, err)
	}
	return err
}

// noRoom is what a server adds to errors of many numbers.
var noRoom = regexp.MustCompile(`(?i)no space left on device|errcode: 28\b|error 28\b|errno: 28\b`)

// number is the server's error number; 0 for another error.
func number(err error) uint16 {
	var said *mysql.MySQLError
	if errors.As(err, &said) {
		return said.Number
	}
	return 0
}
