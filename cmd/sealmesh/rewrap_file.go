package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A checkpoint is how far a job on files has come. What the output holds up to
// Written is what the input up to Read became.
type checkpoint struct {
	Job     string `json:"job"` // what is read, and what becomes of it
	Read    int64  `json:"read"`
	Written int64  `json:"written"`
	Counts  counts `json:"counts"`
	Done    bool   `json:"done,omitempty"` // all was read: the output is whole, under whichever name
}

// A fileJob rewrites one file into another, and goes on where it was stopped: the
// output grows in FILE.partial, which one job at a time has locked, its state is in
// FILE.state, and only what is complete gets the output's name. The state goes last, so
// that a job that was killed before it could say that all is done, says so the next time.
type fileJob struct {
	in, out  *os.File
	target   string
	state    checkpoint
	finished bool // by a run before: there is nothing open
}

func openFileJob(opt rewrapOptions) (_ *fileJob, err error) {
	j := &fileJob{target: opt.out}
	if j.in, err = os.Open(opt.in); err != nil {
		return nil, fmt.Errorf("rewrap: %w", err)
	}
	if exists(j.target) {
		j.finished = j.load(opt) == nil && j.whole()
		if err := j.in.Close(); !j.finished || err != nil {
			return nil, errors.Join(fmt.Errorf("rewrap: %s exists already", j.target), err)
		}
		return j, nil
	}
	if err := j.lock(); err != nil {
		return nil, errors.Join(err, j.in.Close())
	}
	if err := j.load(opt); err != nil {
		return nil, errors.Join(err, j.close())
	}
	if err := j.resume(); err != nil {
		return nil, errors.Join(err, j.close())
	}
	return j, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// whole reports whether a file of the output's name is what the state says is complete.
func (j *fileJob) whole() bool {
	info, err := os.Stat(j.target)
	return err == nil && j.state.Done && info.Size() == j.state.Written && !exists(j.target+".partial")
}

// lock opens the partial output, if no other job has it or had it just now.
func (j *fileJob) lock() (err error) {
	name := j.target + ".partial"
	if j.out, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return fmt.Errorf("rewrap: %w", err)
	}
	if err = lockFile(j.out); err != nil {
		return errors.Join(fmt.Errorf("rewrap: %s: %w", name, err), j.out.Close())
	}
	mine, err := j.out.Stat()
	there, also := os.Stat(name)
	switch {
	case err == nil && also == nil && os.SameFile(mine, there) && !exists(j.target):
		return nil
	case err == nil && mine.Size() == 0 && exists(j.target):
		also = os.Remove(name) // made by this one, after the other gave its own the output's name
	}
	return errors.Join(fmt.Errorf("rewrap: another job has just finished %s", j.target), err, also, j.out.Close())
}

// load reads the state of a job that was stopped, if there is one. A job on another
// input, on this one as it was, or to another end cannot be gone on with.
func (j *fileJob) load(opt rewrapOptions) error {
	info, err := j.in.Stat()
	if err != nil {
		return fmt.Errorf("rewrap: %w", err)
	}
	job := fmt.Sprintf("%s, %d bytes of %s, key %q, to %q, reseal %q from %q with %q, drop %q, renew %t",
		opt.in, info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano), opt.key, opt.to, opt.reseal, opt.from, opt.params, opt.drop, opt.renew)
	text, err := os.ReadFile(j.target + ".state")
	if errors.Is(err, fs.ErrNotExist) {
		j.state.Job = job
		return nil
	}
	if err != nil {
		return fmt.Errorf("rewrap: %w", err)
	}
	if err := json.Unmarshal(text, &j.state); err != nil {
		return fmt.Errorf("rewrap: %s.state: %w", j.target, err)
	}
	if j.state.Job != job {
		return fmt.Errorf("rewrap: %s.state is of another job (%s): finish that, or remove it and %s.partial", j.target, j.state.Job, j.target)
	}
	return nil
}

// resume cuts off what was written after the last checkpoint.
func (j *fileJob) resume() error {
	info, err := j.out.Stat()
	if err != nil {
		return err
	}
	if info.Size() < j.state.Written { // to make it longer would put zeros in the place of data
		return fmt.Errorf("rewrap: %s.partial is shorter than %s.state says: remove both to start again", j.target, j.target)
	}
	if err := j.out.Truncate(j.state.Written); err != nil {
		return err
	}
	_, err = j.out.Seek(j.state.Written, io.SeekStart)
	if err == nil {
		_, err = j.in.Seek(j.state.Read, io.SeekStart)
	}
	return err
}

// save makes the output durable, and then the state that says so.
func (j *fileJob) save(read int64, c counts) error {
	if err := j.out.Sync(); err != nil {
		return err
	}
	written, err := j.out.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	j.state.Read, j.state.Written, j.state.Counts = read, written, c
	text, err := json.Marshal(j.state)
	if err != nil {
		return err
	}
	if err := replaceFile(j.target+".state", text); err != nil {
		return err
	}
	return syncDir(filepath.Dir(j.target))
}

// finish gives the complete output its name.
func (j *fileJob) finish(read int64, c counts) error {
	j.state.Done = true
	if err := j.save(read, c); err != nil {
		return err
	}
	if err := os.Rename(j.target+".partial", j.target); err != nil {
		return err
	}
	return syncDir(filepath.Dir(j.target))
}

// forget removes the state of a job that is finished, and has said so.
func (j *fileJob) forget() error {
	if err := os.Remove(j.target + ".state"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(j.target))
}

func (j *fileJob) close() error { return errors.Join(j.in.Close(), j.out.Close()) }

// replaceFile writes a file whole or not at all.
func replaceFile(path string, text []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
