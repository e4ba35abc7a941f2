package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A checkpoint is how far a job on files has come. What the output holds up to
// Written is what the input up to Read became.
type checkpoint struct {
	Input   string `json:"input"`
	Read    int64  `json:"read"`
	Written int64  `json:"written"`
	Counts  counts `json:"counts"`
}

// A fileJob rewrites one file into another, and goes on where it was stopped: the
// output grows in FILE.partial, its state is in FILE.state, and only what is complete gets
// the output's name.
type fileJob struct {
	in, out *os.File
	target  string
	state   checkpoint
}

func openFileJob(in, out string) (*fileJob, error) {
	j := &fileJob{target: out, state: checkpoint{Input: in}}
	if _, err := os.Lstat(out); err == nil {
		return nil, fmt.Errorf("rewrap: %s exists already", out)
	}
	text, err := os.ReadFile(out + ".state")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("rewrap: %w", err)
	}
	if err == nil {
		if err := json.Unmarshal(text, &j.state); err != nil {
			return nil, fmt.Errorf("rewrap: %s.state: %w", out, err)
		}
		if j.state.Input != in {
			return nil, fmt.Errorf("rewrap: %s.state is of a job on %s: finish that, or remove it and %s.partial", out, j.state.Input, out)
		}
	}
	if j.in, err = os.Open(in); err != nil {
		return nil, fmt.Errorf("rewrap: %w", err)
	}
	if j.out, err = os.OpenFile(out+".partial", os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("rewrap: %w", err), j.in.Close())
	}
	if err := j.resume(); err != nil {
		return nil, errors.Join(err, j.close())
	}
	return j, nil
}

// resume cuts off what was written after the last checkpoint.
func (j *fileJob) resume() error {
	if err := j.out.Truncate(j.state.Written); err != nil {
		return err
	}
	_, err := j.out.Seek(j.state.Written, io.SeekStart)
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
	return replaceFile(j.target+".state", text)
}

// finish gives the complete output its name.
func (j *fileJob) finish() error {
	if err := j.out.Sync(); err != nil {
		return err
	}
	if err := os.Rename(j.target+".partial", j.target); err != nil {
		return err
	}
	if err := os.Remove(j.target + ".state"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(j.target))
}

func (j *fileJob) close() error { return errors.Join(j.in.Close(), j.out.Close()) }

// replaceFile writes a file whole or not at all.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
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
