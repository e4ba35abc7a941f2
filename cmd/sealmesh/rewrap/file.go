package rewrap

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

// A checkpoint is the progress of a job on files. The first Written bytes of
// the output are the result of the first Read bytes of the input.
type checkpoint struct {
	Job     string `json:"job"` // input and options
	Read    int64  `json:"read"`
	Written int64  `json:"written"`
	Counts  counts `json:"counts"`
	Done    bool   `json:"done,omitempty"` // the output is complete, with or without its final name
}

// A fileJob rewrites one file into another and can resume after an
// interruption.
//
//   - FILE.partial holds the output until it is complete. The job locks it.
//   - FILE.state holds the last checkpoint. It is removed last, so that a job
//     killed before it reported success reports it when it is run again.
//   - FILE gets its name only when it is complete.
type fileJob struct {
	in, out  *os.File
	target   string
	state    checkpoint
	finished bool // by an earlier run; no file is open
}

func openFileJob(opt options) (_ *fileJob, err error) {
	j := &fileJob{target: opt.out}
	if j.in, err = os.Open(opt.in); err != nil {
		return nil, fmt.Errorf("rewrap: %w", err)
	}
	if exists(j.target) {
		j.finished = j.load(opt) == nil && j.whole()
		if err := j.in.Close(); !j.finished || err != nil {
			return nil, errors.Join(fmt.Errorf("rewrap: %s already exists", j.target), err)
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

// whole reports whether the output file is the one that the state calls
// complete.
func (j *fileJob) whole() bool {
	info, err := os.Stat(j.target)
	return err == nil && j.state.Done && info.Size() == j.state.Written && !exists(j.target+".partial")
}

// lock opens and locks the partial output. It fails if another job holds the
// lock or has finished since this job started.
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
		also = os.Remove(name) // this job created it after the other job renamed its own
	}
	return errors.Join(fmt.Errorf("rewrap: another job has just finished %s", j.target), err, also, j.out.Close())
}

// load reads the state of an interrupted job, if there is one. It fails if that
// job had another input, another version of this input, or other options.
func (j *fileJob) load(opt options) error {
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
		return fmt.Errorf("rewrap: %s.state belongs to another job (%s): finish that job, or remove %[1]s.state and %[1]s.partial", j.target, j.state.Job)
	}
	return nil
}

// resume truncates the output to the last checkpoint and continues from there.
func (j *fileJob) resume() error {
	info, err := j.out.Stat()
	if err != nil {
		return err
	}
	if info.Size() < j.state.Written { // Truncate would extend it with zeros
		return fmt.Errorf("rewrap: %s.partial is shorter than %s.state says: remove both and start again", j.target, j.target)
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

// save syncs the output, then writes the checkpoint.
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

// finish gives the complete output its final name.
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

// forget removes the state of a job that has reported its result.
func (j *fileJob) forget() error {
	if err := os.Remove(j.target + ".state"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(j.target))
}

func (j *fileJob) close() error { return errors.Join(j.in.Close(), j.out.Close()) }

// replaceFile replaces the file at path atomically.
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
