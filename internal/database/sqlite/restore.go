package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"upkeep/internal/database"
	"upkeep/internal/durable"
)

// Restore writes the dump beside the database, checks and syncs it, and renames
// it over the database. What makes this safe is the order:
//
//  1. The staged file is complete and on the disk, with the owner, mode and
//     attributes of the database.
//  2. The old database is brought to rest: its log (-wal) is moved into the file,
//     or its journal rolled back, by SQLite itself. From here the old file alone
//     is the old content. (Where the old file is too damaged for that, its log is
//     removed: nothing can be read there any more.)
//  3. Log, index and journal are removed. They must never lie beside the new
//     file: SQLite would replay them into it.
//  4. The rename. Before it the old content is there, after it the new.
//
// A kill in between leaves the old content and perhaps the staged file, which
// the next run replaces. The product must be stopped: if somebody else has the
// database open, nothing is done (ErrInUse).
func (db *DB) Restore(ctx context.Context, r io.Reader) (err error) {
	defer func() {
		if err != nil {
			err = db.fail(ctx, "restore the database", err)
		}
	}()
	path, err := db.path()
	exists := err == nil
	if errors.Is(err, database.ErrNoDatabase) && db.size(db.config.Path) < 0 {
		path = db.config.Path // it was removed: it is made again
	} else if err != nil {
		return err
	}
	staged := db.staged(path)
	if err := db.remove(staged); err != nil {
		return err
	}
	if err := db.stage(ctx, r, staged, path, exists); err != nil {
		return errors.Join(err, db.remove(staged))
	}
	if exists {
		if err := db.settle(ctx, path); err != nil {
			return errors.Join(err, db.remove(staged))
		}
	}
	for _, part := range []string{"-wal", "-journal", "-shm"} {
		if err := db.remove(path + part); err != nil {
			return err
		}
	}
	return db.config.FS.Replace(staged, path)
}

// staged is the name beside the database for this operation.
func (db *DB) staged(path string) string {
	sum := sha256.Sum256([]byte(db.config.OpID))
	return path + ".upkeep-" + hex.EncodeToString(sum[:6])
}

// remove removes a file that may not be there.
func (db *DB) remove(path string) error {
	if err := db.config.FS.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// stage writes and checks the new file.
func (db *DB) stage(ctx context.Context, r io.Reader, staged, path string, exists bool) error {
	w, err := db.config.FS.Create(staged, 0o600)
	if err != nil {
		return err
	}
	n, err := io.CopyBuffer(plainWriter{w}, &cancelled{ctx: ctx, r: r}, make([]byte, 256<<10))
	if err == nil {
		err = db.dress(staged, path, exists)
	}
	if err == nil {
		err = w.Sync()
	}
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	return db.check(ctx, staged, n)
}

// dress gives the staged file what a product could miss: owner, attributes and
// mode of the old file; of a file made anew, the owner of its folder.
func (db *DB) dress(staged, path string, exists bool) error {
	like := path
	if !exists {
		like = filepath.Dir(path)
	}
	info, err := db.config.FS.Lstat(like)
	if err != nil {
		return err
	}
	mine, err := db.config.FS.Lstat(staged)
	if err != nil {
		return err
	}
	if info.UID != mine.UID || info.GID != mine.GID {
		if err := db.config.FS.Chown(staged, info.UID, info.GID); err != nil {
			return err
		}
	}
	if !exists {
		return nil
	}
	attrs, err := db.config.FS.Xattrs(path)
	if err != nil {
		return err
	}
	for name, value := range attrs {
		if err := db.config.FS.SetXattr(staged, name, value); err != nil && !errors.Is(err, durable.ErrUnsupported) {
			return err
		}
	}
	return db.config.FS.Chmod(staged, info.Mode)
}

// check finds a file that is not a whole database (file format:
// sqlite.org/fileformat2.html, "The Database Header").
func (db *DB) check(ctx context.Context, staged string, size int64) error {
	if size == 0 {
		return fmt.Errorf("%w: the dump is empty", database.ErrDamaged)
	}
	r, err := db.config.FS.Open(staged)
	if err != nil {
		return err
	}
	var header [100]byte
	_, err = io.ReadFull(r, header[:])
	_ = r.Close() // it was only read
	if err != nil || string(header[:16]) != "SQLite format 3\x00" {
		return fmt.Errorf("%w: the dump is not a SQLite database", database.ErrDamaged)
	}
	page := int64(binary.BigEndian.Uint16(header[16:]))
	if page == 1 {
		page = 65536
	}
	pages := int64(binary.BigEndian.Uint32(header[28:]))
	valid := binary.BigEndian.Uint32(header[24:]) == binary.BigEndian.Uint32(header[92:])
	if page < 512 || size%page != 0 || valid && pages > 0 && pages*page != size {
		return fmt.Errorf("%w: the dump has %d bytes, and its header speaks of %d pages of %d", database.ErrDamaged, size, pages, page)
	}
	h, err := open(ctx, staged, db.patience, "mode=ro", "immutable=1")
	if err != nil {
		return err
	}
	_, err = h.text(ctx, "SELECT count(*) FROM sqlite_schema")
	return errors.Join(err, h.close())
}

// settle brings the old database to rest, and finds out whether somebody else
// has it open.
func (db *DB) settle(ctx context.Context, path string) error {
	if db.size(path) == 0 {
		return nil
	}
	err := db.rest(ctx, path)
	if err != nil {
		if errors.Is(explain(err), database.ErrDamaged) {
			return nil // there is no old content to keep
		}
		return err
	}
	// The last one to close removes log and index.
	if db.size(path+"-wal") >= 0 || db.size(path+"-shm") >= 0 {
		return fmt.Errorf("%w: another process has it open: stop the product", database.ErrInUse)
	}
	return nil
}

func (db *DB) rest(ctx context.Context, path string) error {
	h, err := open(ctx, path, db.patience, "mode=rw", "_pragma=synchronous(full)")
	if err != nil {
		return err
	}
	err = func() error {
		if _, err := h.text(ctx, "SELECT count(*) FROM sqlite_schema"); err != nil { // rolls a journal back
			return err
		}
		if _, err := h.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			return err
		}
		if _, err := h.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
			return err
		}
		_, err := h.ExecContext(ctx, "ROLLBACK")
		return err
	}()
	return errors.Join(err, h.close())
}
