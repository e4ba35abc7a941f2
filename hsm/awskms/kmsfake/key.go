package kmsfake

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Key states, as the API spells them.
const (
	Enabled                = "Enabled"
	Disabled               = "Disabled"
	PendingDeletion        = "PendingDeletion"
	PendingReplicaDeletion = "PendingReplicaDeletion"
	PendingImport          = "PendingImport"
	Unavailable            = "Unavailable"
	Creating               = "Creating"
	Updating               = "Updating"
)

// A Key is what [Server.CreateKey] makes. The zero value of a field takes the
// API's default.
type Key struct {
	Region      string // "" is eu-west-1
	Account     string // "" is [Account]
	Spec        string // "" is SYMMETRIC_DEFAULT; or RSA_2048, RSA_3072, RSA_4096
	Usage       string // "" is ENCRYPT_DECRYPT
	Origin      string // "" is AWS_KMS; EXTERNAL has no material at first
	Manager     string // "" is CUSTOMER
	MultiRegion bool
}

// material is what replicas of a multi-Region key share.
type material struct {
	aes []byte
	rsa *rsa.PrivateKey
}

// key is one key in one Region.
type key struct {
	Key
	id       string
	state    string
	created  time.Time
	deletion time.Time

	*material
	primary  string    // Region of the primary, for multi-Region keys
	replicas *[]string // its other Regions; shared by all of them

	rotation   bool
	rotateDays int
	validTo    time.Time // zero is never
	imported   [32]byte  // SHA-256 of the material that the key once had
	importing  *wrapping
	grants     []grant

	proxyDenies bool
}

// CreateKey makes a key and returns its ARN. It panics when there is no such
// spec.
func (s *Server) CreateKey(k Key) (arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	made, failed := s.create(k)
	if failed != nil {
		panic("kmsfake: " + failed.Code + ": " + failed.Message)
	}
	return made.arn()
}

func (s *Server) create(k Key) (*key, *Exception) {
	setDefault(&k.Region, "eu-west-1")
	setDefault(&k.Account, Account)
	setDefault(&k.Spec, "SYMMETRIC_DEFAULT")
	setDefault(&k.Usage, "ENCRYPT_DECRYPT")
	setDefault(&k.Origin, "AWS_KMS")
	setDefault(&k.Manager, "CUSTOMER")
	m, failed := newMaterial(k)
	if failed != nil {
		return nil, failed
	}
	made := &key{Key: k, id: requestID(), state: Enabled, created: time.Now(), material: m, rotateDays: 365, replicas: new([]string)}
	if k.MultiRegion {
		made.id, made.primary = "mrk-"+strings.ReplaceAll(made.id, "-", ""), k.Region
	}
	if k.Origin == "EXTERNAL" {
		made.state = PendingImport
	}
	s.region(k.Region).keys[made.id] = made
	return made, nil
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

func newMaterial(k Key) (*material, *Exception) {
	bits := map[string]int{"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}[k.Spec]
	switch {
	case k.Origin == "EXTERNAL" && (k.Spec == symmetric || bits != 0 || strings.HasPrefix(k.Spec, "HMAC_")):
		return &material{}, nil
	case k.Spec == "SYMMETRIC_DEFAULT" || strings.HasPrefix(k.Spec, "HMAC_"):
		m := &material{aes: make([]byte, 32)}
		rand.Read(m.aes)
		return m, nil
	case bits != 0:
		private, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			return nil, exception("KMSInternalException", "%v", err)
		}
		return &material{rsa: private}, nil
	}
	return nil, exception("UnsupportedOperationException", "key spec %s", k.Spec)
}

func (k *key) arn() string {
	return fmt.Sprintf("arn:aws:kms:%s:%s:key/%s", k.Region, k.Account, k.id)
}

// hash names the key in blobs: without the Region, which replicas differ in.
func (k *key) hash() [32]byte { return sha256.Sum256([]byte(k.Account + "/" + k.id)) }

func (k *key) isRSA() bool { return strings.HasPrefix(k.Spec, "RSA_") }

// materialID is stable for one material, as CurrentKeyMaterialId is.
func (k *key) materialID() string {
	b := k.aes
	if k.rsa != nil {
		b = k.rsa.N.Bytes()
	}
	sum := sha256.Sum256(append([]byte("material"), b...))
	return hex.EncodeToString(sum[:])
}

// refresh lets imported material expire. The API does so by itself.
func (k *key) refresh() {
	if !k.validTo.IsZero() && !time.Now().Before(k.validTo) {
		k.dropMaterial()
	}
}

func (k *key) dropMaterial() {
	*k.material, k.validTo, k.state = material{}, time.Time{}, PendingImport
}

// stateTexts is how KMSInvalidStateException speaks of each state.
var stateTexts = map[string]string{
	PendingDeletion:        "is pending deletion.",
	PendingReplicaDeletion: "is pending replica deletion.",
	PendingImport:          "is pending import.",
	Unavailable:            "is unavailable.",
	Creating:               "is creating.",
}

func (k *key) usable() *Exception {
	if k.state == Disabled {
		return exception("DisabledException", "%s is disabled.", k.arn())
	}
	if text, ok := stateTexts[k.state]; ok {
		return exception("KMSInvalidStateException", "%s %s", k.arn(), text)
	}
	if k.proxyDenies {
		return exception("KMSInvalidStateException", "The external key store proxy denied access to the operation. "+
			"Verify that the user and the external key are both authorized for this operation, and try the request again.")
	}
	return nil
}

// DenyByProxy has the proxy of the key's external key store refuse every use,
// or allow it again. The key's state stays Enabled, as it does at AWS. It
// panics when there is no such key.
func (s *Server) DenyByProxy(arn string, deny bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFind(arn).proxyDenies = deny
}

// SetState puts the key into a state that no operation leads to, such as
// [Unavailable]. It panics when there is no such key.
func (s *Server) SetState(arn, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFind(arn).state = state
}

// Replicate makes a replica of a multi-Region key and returns its ARN.
func (s *Server) Replicate(arn, region string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mustFind(arn).replicate(s, region).arn()
}

func (k *key) replicate(s *Server, region string) *key {
	replica := *k
	replica.Region, replica.grants = region, nil
	if k.Origin == "EXTERNAL" { // the material is imported into each Region
		replica.material, replica.state, replica.validTo = &material{}, PendingImport, time.Time{}
	}
	if !slices.Contains(*k.replicas, region) {
		*k.replicas = append(*k.replicas, region)
	}
	s.region(region).keys[k.id] = &replica
	return &replica
}

func (s *Server) mustFind(arn string) *key {
	part := strings.Split(arn, ":")
	if len(part) == 6 {
		if k := s.region(part[3]).keys[strings.TrimPrefix(part[5], "key/")]; k != nil {
			return k
		}
	}
	panic("kmsfake: no key " + arn)
}
