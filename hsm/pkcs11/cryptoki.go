//go:build cgo && !windows

package pkcs11

/*
#cgo linux LDFLAGS: -ldl
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

typedef unsigned char  byte_t;
typedef unsigned long  ulong_t; // CK_ULONG, CK_RV and every handle
typedef struct { ulong_t mechanism; void *parameter; ulong_t parameterLen; } mechanism_t;
typedef struct { byte_t *iv; ulong_t ivLen, ivBits; byte_t *aad; ulong_t aadLen, tagBits; } gcm_t;
typedef struct { ulong_t hash, mgf, source; void *sourceData; ulong_t sourceDataLen; } oaep_t;
typedef ulong_t (*begin_f)(ulong_t session, mechanism_t *, ulong_t key);
typedef ulong_t (*finish_f)(ulong_t session, byte_t *in, ulong_t inLen, byte_t *out, ulong_t *outLen);

// CK_FUNCTION_LIST begins with a two-byte version; the functions follow in the
// order of the standard, the same in every 2.x and 3.x module.
typedef struct { byte_t major, minor; void *function[68]; } functions_t;
enum { ENCRYPT_INIT = 29, DECRYPT_INIT = 33 };

static functions_t *functions(const char *path) {
	void *module = dlopen(path, RTLD_LAZY);
	if (module == NULL) return NULL;
	ulong_t (*get)(functions_t **) = (ulong_t (*)(functions_t **))dlsym(module, "C_GetFunctionList");
	functions_t *list = NULL;
	if (get == NULL || get(&list) != 0) return NULL;
	return list;
}

static ulong_t operate(functions_t *list, int init, ulong_t session, mechanism_t *m, ulong_t key,
                       byte_t *in, ulong_t inLen, byte_t *out, ulong_t *outLen, int *begun) {
	ulong_t rv = ((begin_f)list->function[init])(session, m, key);
	*begun = rv == 0;
	if (rv != 0) return rv;
	return ((finish_f)list->function[init + 1])(session, in, inLen, out, outLen);
}

static ulong_t gcm(functions_t *list, int init, ulong_t session, ulong_t key, byte_t *iv, ulong_t ivLen, byte_t *aad, ulong_t aadLen,
                   byte_t *in, ulong_t inLen, byte_t *out, ulong_t *outLen, int *begun) {
	gcm_t p = { iv, ivLen, ivLen * 8, aad, aadLen, 128 };
	mechanism_t m = { 0x1087, &p, sizeof p }; // CKM_AES_GCM
	return operate(list, init, session, &m, key, in, inLen, out, outLen, begun);
}

static ulong_t oaep(functions_t *list, ulong_t session, ulong_t key, byte_t *in, ulong_t inLen, byte_t *out, ulong_t *outLen, int *begun) {
	oaep_t p = { 0x250, 2, 1, NULL, 0 }; // CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED
	mechanism_t m = { 9, &p, sizeof p }; // CKM_RSA_PKCS_OAEP
	return operate(list, DECRYPT_INIT, session, &m, key, in, inLen, out, outLen, begun);
}
*/
import "C"

import (
	"unsafe"

	p11 "github.com/miekg/pkcs11"
)

// functions calls a module's encryption directly, with one C call and one
// buffer per operation. The binding first asks for the length of the result,
// which NSS answers wrongly (its AES-GCM fails with CKR_BUFFER_TOO_SMALL), and
// it leaves a copy of the data key in freed C memory. Here the module reads and
// writes Go memory, which the caller clears.
type functions struct{ list *C.functions_t }

// loadFunctions returns the function list of a loaded module.
func loadFunctions(path string) (functions, bool) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	list := C.functions(name)
	return functions{list}, list != nil
}

// encryptGCM encrypts into out and returns the number of bytes written. aad
// must not be empty. The module may write to iv. begun distinguishes a failure
// of C_Encrypt from a failure of C_EncryptInit.
func (f functions) encryptGCM(s p11.SessionHandle, key p11.ObjectHandle, iv, aad, in, out []byte) (n int, begun bool, err error) {
	return f.gcm(C.ENCRYPT_INIT, s, key, iv, aad, in, out)
}

// decryptGCM is the inverse of encryptGCM.
func (f functions) decryptGCM(s p11.SessionHandle, key p11.ObjectHandle, iv, aad, in, out []byte) (n int, begun bool, err error) {
	return f.gcm(C.DECRYPT_INIT, s, key, iv, aad, in, out)
}

func (f functions) gcm(init C.int, s p11.SessionHandle, key p11.ObjectHandle, iv, aad, in, out []byte) (int, bool, error) {
	var begun C.int
	n := C.ulong_t(len(out))
	rv := C.gcm(f.list, init, C.ulong_t(s), C.ulong_t(key),
		first(iv), C.ulong_t(len(iv)), first(aad), C.ulong_t(len(aad)),
		first(in), C.ulong_t(len(in)), first(out), &n, &begun)
	return finish(rv, n, begun, len(out))
}

// decryptOAEP decrypts RSA-OAEP with SHA-256, MGF1 over SHA-256 and an empty
// label.
func (f functions) decryptOAEP(s p11.SessionHandle, key p11.ObjectHandle, in, out []byte) (n int, begun bool, err error) {
	var b C.int
	written := C.ulong_t(len(out))
	rv := C.oaep(f.list, C.ulong_t(s), C.ulong_t(key), first(in), C.ulong_t(len(in)), first(out), &written, &b)
	return finish(rv, written, b, len(out))
}

func finish(rv, n C.ulong_t, begun C.int, room int) (int, bool, error) {
	switch {
	case rv != 0:
		return 0, begun != 0, ckRV(rv)
	case n > C.ulong_t(room): // never believe a length that would be past the buffer
		return 0, true, ckRV(p11.CKR_BUFFER_TOO_SMALL)
	}
	return int(n), true, nil
}

// first points to the bytes of b.
func first(b []byte) *C.byte_t { return (*C.byte_t)(unsafe.SliceData(b)) }

// cString copies s to C memory, which freeCString frees.
func cString(s string) unsafe.Pointer { return unsafe.Pointer(C.CString(s)) }
func freeCString(s unsafe.Pointer)    { C.free(s) }
