/*
 * A PKCS#11 module that stands before a real one and behaves like other vendors'
 * devices, or fails on demand. It reads <its own path>.conf once:
 *
 *   real <path>       the module behind it
 *   mode plain        changes nothing
 *   mode cloudhsm     makes the IV of AES-GCM itself and writes it to pIv, refuses
 *                     a pIv that is not zero, refuses read-only sessions, wants
 *                     user:password, has no AES key wrap
 *   mode luna         ignores pIv and appends an IV of 16 bytes of its own
 *   sessions <n>      at most n sessions at a time
 *   tries <n>         the user's PIN locks at n wrong ones, which <its own path>.wrong counts
 *   stranger <n>      slot n comes first, and its token is broken
 *
 * and <its own path>.fault at every call; an empty or absent file is a healthy device:
 *
 *   <id> fail <function|*> <code> calls <n>   the next n calls answer code
 *   <id> fail <function|*> <code> session     every call answers code, but in sessions opened since
 *   <id> fail <function|*> <code> login       ... until a C_Login that succeeded
 *   <id> fail <function|*> <code> init        ... until a C_Initialize; that and C_Finalize work
 *   <id> fail <function|*> <code> ever
 *   <id> hang <function|*>                    calls wait until the file changes
 *
 * id is any number that differs from the last fault's. It appends the name of
 * every function called to <its own path>.log.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "pkcs11go.h"

static CK_FUNCTION_LIST list;
static CK_FUNCTION_LIST_PTR real;
static char self[4096], mode[32];
static long limit, open_now, tries, stranger;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long fault_id = -1, calls_left;
static int since_session, since_login, since_init; /* events since the fault began */
static CK_SESSION_HANDLE fresh[256];               /* sessions opened since */

static FILE *beside(const char *suffix, const char *how) {
	char path[4200];
	snprintf(path, sizeof path, "%s%s", self, suffix);
	return fopen(path, how);
}

static int is_fresh(CK_SESSION_HANDLE s) {
	for (int i = 0; i < since_session; i++)
		if (fresh[i] == s) return 1;
	return 0;
}

/* What is wrong with function in session s now: -1 for a hang, or a CK_RV. */
static long fault(const char *function, CK_SESSION_HANDLE s) {
	long id, code = 0, rv = 0;
	char what[16] = "", where[64] = "", until[16] = "";
	int n = 0, fields = 0;
	FILE *f = beside(".fault", "r");
	if (f != NULL) {
		fields = fscanf(f, "%ld %15s %63s %li %15s %d", &id, what, where, &code, until, &n);
		fclose(f);
	}
	if (fields < 3) return CKR_OK;
	pthread_mutex_lock(&lock);
	if (id != fault_id) {
		fault_id = id, calls_left = n;
		since_session = since_login = since_init = 0;
	}
	if (strcmp(where, "*") == 0 || strcmp(where, function) == 0) {
		int over = 0;
		if (strcmp(until, "calls") == 0) over = calls_left-- <= 0;
		else if (strcmp(until, "session") == 0) over = is_fresh(s);
		else if (strcmp(until, "login") == 0) over = since_login;
		else if (strcmp(until, "init") == 0) over = since_init || strcmp(function, "C_Initialize") == 0 || strcmp(function, "C_Finalize") == 0;
		rv = strcmp(what, "hang") == 0 ? -1 : over ? 0 : code;
	}
	pthread_mutex_unlock(&lock);
	return rv;
}

static CK_RV enter(const char *function, CK_SESSION_HANDLE s) {
	FILE *f = beside(".log", "a");
	if (f != NULL) fprintf(f, "%s\n", function), fclose(f);
	for (;;) {
		long rv = fault(function, s);
		if (rv != -1) return (CK_RV)rv;
		usleep(1000);
	}
}

#define ENTER(function, session) do { CK_RV rv_ = enter(function, session); if (rv_ != CKR_OK) return rv_; } while (0)

static int is_mode(const char *name) { return strcmp(mode, name) == 0; }

static CK_RV shim_Initialize(CK_VOID_PTR args) {
	ENTER("C_Initialize", 0);
	CK_RV rv = real->C_Initialize(args);
	pthread_mutex_lock(&lock);
	if (rv == CKR_OK) since_init = 1, open_now = 0;
	pthread_mutex_unlock(&lock);
	return rv;
}

static CK_RV shim_Finalize(CK_VOID_PTR reserved) {
	ENTER("C_Finalize", 0);
	return real->C_Finalize(reserved);
}

static CK_RV shim_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR app, CK_NOTIFY notify, CK_SESSION_HANDLE_PTR s) {
	ENTER("C_OpenSession", 0);
	if (is_mode("cloudhsm") && !(flags & CKF_RW_SESSION)) return CKR_FUNCTION_FAILED;
	pthread_mutex_lock(&lock);
	CK_RV rv = limit > 0 && open_now >= limit ? CKR_SESSION_COUNT : real->C_OpenSession(slot, flags, app, notify, s);
	if (rv == CKR_OK) {
		open_now++;
		if (since_session < (int)(sizeof fresh / sizeof *fresh)) fresh[since_session++] = *s;
	}
	pthread_mutex_unlock(&lock);
	return rv;
}

static CK_RV shim_CloseSession(CK_SESSION_HANDLE s) {
	ENTER("C_CloseSession", s);
	CK_RV rv = real->C_CloseSession(s);
	pthread_mutex_lock(&lock);
	if (rv == CKR_OK) open_now--;
	pthread_mutex_unlock(&lock);
	return rv;
}

static CK_RV shim_CloseAllSessions(CK_SLOT_ID slot) {
	ENTER("C_CloseAllSessions", 0);
	CK_RV rv = real->C_CloseAllSessions(slot);
	pthread_mutex_lock(&lock);
	if (rv == CKR_OK) open_now = 0;
	pthread_mutex_unlock(&lock);
	return rv;
}

/* How many wrong PINs came since the last right one. */
static long wrong(void) {
	long n = 0;
	FILE *f = beside(".wrong", "r");
	if (f != NULL) {
		if (fscanf(f, "%ld", &n) != 1) n = 0;
		fclose(f);
	}
	return n;
}

static void count_wrong(long n) {
	FILE *f = beside(".wrong", "w");
	if (f != NULL) fprintf(f, "%ld\n", n), fclose(f);
}

static CK_RV shim_Login(CK_SESSION_HANDLE s, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG len) {
	ENTER("C_Login", s);
	if (is_mode("cloudhsm")) {
		CK_UTF8CHAR_PTR colon = pin ? memchr(pin, ':', len) : NULL;
		if (colon == NULL || colon == pin) return CKR_ARGUMENTS_BAD;
		len -= colon + 1 - pin, pin = colon + 1;
	}
	if (tries > 0 && wrong() >= tries) return CKR_PIN_LOCKED;
	CK_RV rv = real->C_Login(s, user, pin, len);
	if (tries > 0 && rv == CKR_PIN_INCORRECT) count_wrong(wrong() + 1);
	if (tries > 0 && rv == CKR_OK) count_wrong(0);
	pthread_mutex_lock(&lock);
	if (rv == CKR_OK) since_login = 1;
	pthread_mutex_unlock(&lock);
	return rv;
}

static CK_RV shim_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE m, CK_MECHANISM_INFO_PTR info) {
	ENTER("C_GetMechanismInfo", 0);
	if (is_mode("cloudhsm") && m == 0x2109) return CKR_MECHANISM_INVALID;
	return real->C_GetMechanismInfo(slot, m, info);
}

static CK_RV shim_WrapKey(CK_SESSION_HANDLE s, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE key, CK_BYTE_PTR out, CK_ULONG_PTR n) {
	ENTER("C_WrapKey", s);
	if (is_mode("cloudhsm") && m->mechanism == 0x2109) return CKR_MECHANISM_INVALID;
	return real->C_WrapKey(s, m, by, key, out, n);
}

/* The IV of each session's encryption: the device's, and where the caller wants it. */
static struct { CK_BYTE iv[16]; CK_ULONG len; CK_BYTE_PTR back; } made[1024];

#define MADE(s) made[(s) % (sizeof made / sizeof *made)]

static CK_RV shim_EncryptInit(CK_SESSION_HANDLE s, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE key) {
	ENTER("C_EncryptInit", s);
	MADE(s).len = 0;
	if (m->mechanism != CKM_AES_GCM || !(is_mode("cloudhsm") || is_mode("luna"))) return real->C_EncryptInit(s, m, key);
	CK_GCM_PARAMS p = *(CK_GCM_PARAMS *)m->pParameter;
	if (is_mode("cloudhsm"))
		for (CK_ULONG i = 0; i < p.ulIvLen; i++)
			if (p.ulIvLen != 12 || p.pIv[i] != 0) return CKR_MECHANISM_PARAM_INVALID;
	MADE(s).len = is_mode("luna") ? 16 : 12;
	MADE(s).back = p.pIv;
	if (getrandom(MADE(s).iv, MADE(s).len, 0) != (ssize_t)MADE(s).len) return CKR_RANDOM_NO_RNG;
	p.pIv = MADE(s).iv, p.ulIvLen = MADE(s).len, p.ulIvBits = 8 * p.ulIvLen;
	CK_MECHANISM own = {CKM_AES_GCM, &p, sizeof p};
	return real->C_EncryptInit(s, &own, key);
}

static CK_RV shim_Encrypt(CK_SESSION_HANDLE s, CK_BYTE_PTR in, CK_ULONG inLen, CK_BYTE_PTR out, CK_ULONG_PTR outLen) {
	ENTER("C_Encrypt", s);
	CK_ULONG room = *outLen;
	CK_RV rv = real->C_Encrypt(s, in, inLen, out, outLen);
	if (rv != CKR_OK || out == NULL || MADE(s).len == 0) return rv;
	if (is_mode("cloudhsm")) {
		memcpy(MADE(s).back, MADE(s).iv, MADE(s).len);
	} else {
		if (*outLen + MADE(s).len > room) return CKR_BUFFER_TOO_SMALL;
		memcpy(out + *outLen, MADE(s).iv, MADE(s).len);
		*outLen += MADE(s).len;
	}
	return CKR_OK;
}

static CK_RV shim_DecryptInit(CK_SESSION_HANDLE s, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE key) {
	ENTER("C_DecryptInit", s);
	return real->C_DecryptInit(s, m, key);
}

static CK_RV shim_Decrypt(CK_SESSION_HANDLE s, CK_BYTE_PTR in, CK_ULONG inLen, CK_BYTE_PTR out, CK_ULONG_PTR outLen) {
	ENTER("C_Decrypt", s);
	return real->C_Decrypt(s, in, inLen, out, outLen);
}

static CK_RV shim_GenerateRandom(CK_SESSION_HANDLE s, CK_BYTE_PTR out, CK_ULONG n) {
	ENTER("C_GenerateRandom", s);
	return real->C_GenerateRandom(s, out, n);
}

static CK_RV shim_FindObjectsInit(CK_SESSION_HANDLE s, CK_ATTRIBUTE_PTR a, CK_ULONG n) {
	ENTER("C_FindObjectsInit", s);
	return real->C_FindObjectsInit(s, a, n);
}

static CK_RV shim_GetAttributeValue(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR a, CK_ULONG n) {
	ENTER("C_GetAttributeValue", s);
	return real->C_GetAttributeValue(s, o, a, n);
}

static CK_RV shim_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
	ENTER("C_GetTokenInfo", 0);
	if (stranger > 0 && slot == (CK_SLOT_ID)stranger) return CKR_DEVICE_ERROR;
	CK_RV rv = real->C_GetTokenInfo(slot, info);
	if (rv != CKR_OK || tries == 0) return rv;
	long n = wrong();
	info->flags &= ~(CK_FLAGS)(CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED);
	if (n > 0) info->flags |= CKF_USER_PIN_COUNT_LOW;
	if (n == tries - 1) info->flags |= CKF_USER_PIN_FINAL_TRY;
	if (n >= tries) info->flags |= CKF_USER_PIN_LOCKED;
	return rv;
}

static CK_RV shim_GetSlotList(CK_BBOOL present, CK_SLOT_ID_PTR slots, CK_ULONG_PTR n) {
	ENTER("C_GetSlotList", 0);
	if (stranger == 0) return real->C_GetSlotList(present, slots, n);
	CK_ULONG rest = slots != NULL && *n > 0 ? *n - 1 : 0;
	if (slots != NULL && *n == 0) return CKR_BUFFER_TOO_SMALL;
	CK_RV rv = real->C_GetSlotList(present, slots != NULL ? slots + 1 : NULL, &rest);
	if (slots != NULL) slots[0] = (CK_SLOT_ID)stranger;
	*n = rest + 1;
	return rv;
}

static int configure(void) {
	Dl_info at;
	char key[32], value[4096], path[4096] = "";
	if (!dladdr((void *)configure, &at)) return 0;
	snprintf(self, sizeof self, "%s", at.dli_fname);
	FILE *f = beside(".conf", "r");
	if (f == NULL) return 0;
	while (fscanf(f, "%31s %4095s", key, value) == 2) {
		if (strcmp(key, "real") == 0) snprintf(path, sizeof path, "%s", value);
		else if (strcmp(key, "mode") == 0) snprintf(mode, sizeof mode, "%.31s", value);
		else if (strcmp(key, "sessions") == 0) limit = atol(value);
		else if (strcmp(key, "tries") == 0) tries = atol(value);
		else if (strcmp(key, "stranger") == 0) stranger = atol(value);
	}
	fclose(f);
	void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get = module ? (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList") : NULL;
	return get != NULL && get(&real) == CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out) {
	if (real == NULL && !configure()) {
		real = NULL;
		return CKR_GENERAL_ERROR;
	}
	list = *real;
#define OVERRIDE(name) list.C_##name = shim_##name
	OVERRIDE(Initialize), OVERRIDE(Finalize), OVERRIDE(OpenSession), OVERRIDE(CloseSession), OVERRIDE(CloseAllSessions);
	OVERRIDE(Login), OVERRIDE(GetMechanismInfo), OVERRIDE(WrapKey), OVERRIDE(EncryptInit), OVERRIDE(Encrypt);
	OVERRIDE(DecryptInit), OVERRIDE(Decrypt), OVERRIDE(GenerateRandom), OVERRIDE(FindObjectsInit);
	OVERRIDE(GetAttributeValue), OVERRIDE(GetTokenInfo), OVERRIDE(GetSlotList);
	*out = &list;
	return CKR_OK;
}
