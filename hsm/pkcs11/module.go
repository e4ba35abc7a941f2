//go:build cgo && !windows

package pkcs11

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	p11 "github.com/miekg/pkcs11"
	"golang.org/x/sync/semaphore"

	"github.com/sealmesh/sealmesh/hsm"
)

// resetPatience limits the wait for calls in flight before a reset. No new call
// begins while a reset waits, so a hung call delays the others by this much at
// most.
const resetPatience = 2 * time.Second

// modules holds every module that this process has loaded, by path.
//
// It is global because its subject is: C_Initialize, C_Finalize and C_Login act
// on the whole process, and C_Finalize during any other call is undefined
// (PKCS#11 v2.40 §5.4). Two providers that did not know each other would end
// each other's sessions. Modules stay loaded: many do not survive dlclose.
var modules = struct {
	sync.Mutex
	byPath map[string]*module
}{byPath: map[string]*module{}}

// whole is the weight of the whole gate; a call takes one.
const whole = math.MaxInt32

// A module is one PKCS#11 library, shared by all providers that name it.
type module struct {
	ctx *p11.Ctx
	fn  functions

	// Every device call holds one share of gate. What ends the sessions of others
	// holds all of it. Unlike a RWMutex, a caller can wait for it under a context.
	gate *semaphore.Weighted

	// epoch grows whenever all sessions of the module were ended. A session of an
	// older epoch must not even be closed: its handle may belong to another
	// session. Written under the whole gate.
	epoch atomic.Uint64

	users  atomic.Int32 // providers that hold the module open
	window window

	// Guarded by the whole gate.
	running bool   // between C_Initialize and C_Finalize
	ours    bool   // initialised by this package at least once
	foreign bool   // initialised by other code in this process, which we leave running
	setting string // pReserved of C_Initialize

	login sync.Mutex
	wrong map[uint][32]byte // by slot: hash of the PIN that the token refused last
}

// openModule loads path unless it is loaded, and initialises it for one more
// user.
func openModule(ctx context.Context, u keyURI) (*module, error) {
	m, err := loadModule(u.modulePath)
	if err != nil {
		return nil, err
	}
	m.users.Add(1)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := m.begin(ctx, u.reserved); err != nil {
		return nil, errors.Join(err, m.release(context.WithoutCancel(ctx)))
	}
	return m, nil
}

// begin initialises the module unless it is initialised.
func (m *module) begin(ctx context.Context, reserved string) error {
	if err := m.gate.Acquire(ctx, 1); err != nil {
		return timeout("C_Initialize", "", err)
	}
	running, setting := m.running, m.setting
	m.gate.Release(1)
	if running && setting != reserved {
		return misconfigured("C_Initialize", "one process cannot initialise one module in two ways: give every URI of it the same x-init-reserved")
	}
	if running {
		return nil
	}
	return m.exclusively(ctx, "C_Initialize", func() error {
		if !m.running {
			m.setting = reserved
		}
		return m.start(ctx)
	})
}

func loadModule(path string) (*module, error) {
	// Two names of one library would be two modules here and one to the loader.
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, &hsm.Error{
			Class: hsm.Misconfigured, Provider: Kind, Operation: "dlopen", Err: err,
			Hint: "module-path names no file: is the vendor's package installed?",
		}
	}
	modules.Lock()
	defer modules.Unlock()
	if m, ok := modules.byPath[path]; ok {
		return m, nil
	}
	ctx := p11.New(path)
	if ctx == nil {
		return nil, misconfigured("dlopen", "module-path does not name a PKCS#11 library that loads here: check the architecture and the libraries it needs (ldd)")
	}
	fn, ok := loadFunctions(path)
	if !ok {
		return nil, misconfigured("C_GetFunctionList", "the library at module-path is not a PKCS#11 module")
	}
	m := &module{ctx: ctx, fn: fn, gate: semaphore.NewWeighted(whole), wrong: map[uint][32]byte{}}
	modules.byPath[path] = m
	return m, nil
}

// start calls C_Initialize unless that was done. The caller holds the whole
// gate.
func (m *module) start(ctx context.Context) error {
	if m.running {
		return nil
	}
	err := observe(ctx, "C_Initialize", "", func() error {
		if m.setting == "" {
			return m.ctx.Initialize()
		}
		reserved := cString(m.setting)
		defer freeCString(reserved)
		return m.ctx.Initialize(p11.InitializeWithReserved(reserved))
	})
	if returned(err, p11.CKR_CRYPTOKI_ALREADY_INITIALIZED) {
		m.foreign, err = !m.ours, nil // ours when a C_Finalize failed
	}
	if err != nil {
		return err
	}
	m.running, m.ours = true, !m.foreign
	m.epoch.Add(1)
	return nil
}

// stop calls C_Finalize. The caller holds the whole gate.
func (m *module) stop(ctx context.Context) {
	if m.running && !m.foreign {
		// The result does not matter: the library is in doubt, and C_Initialize will
		// show.
		_ = observe(ctx, "C_Finalize", "", m.ctx.Finalize)
		m.running = false
	}
	m.epoch.Add(1)
}

// release drops one user's hold. The last release finalises the module, unless
// a call hangs in it.
func (m *module) release(ctx context.Context) error {
	if m.users.Add(-1) > 0 {
		return nil
	}
	return m.exclusively(ctx, "C_Finalize", func() error {
		if m.users.Load() == 0 {
			m.stop(ctx)
		}
		return nil
	})
}

// exclusively runs f, whose main call is operation, while no other call is in
// the module. It gives up if a call hangs.
func (m *module) exclusively(ctx context.Context, operation string, f func() error) error {
	patient, cancel := context.WithTimeout(ctx, resetPatience)
	defer cancel()
	if err := m.gate.Acquire(patient, whole); err != nil {
		return timeout(operation, "", err)
	}
	_, err := handOff(ctx, operation, "", func() ([]byte, error) {
		defer m.gate.Release(whole)
		return nil, f()
	})
	return err
}
