package kmsfake

import (
	"maps"
	"slices"
)

// A grant lets one principal do some operations with one key.
type grant struct {
	id, token, grantee string
	operations         []string
	equals, subset     map[string]string
}

type createGrantIn struct {
	KeyId            string
	GranteePrincipal string
	Operations       []string
	Constraints      struct {
		EncryptionContextEquals map[string]string
		EncryptionContextSubset map[string]string
	}
}

// createGrant names principals by their access key id, where KMS wants an ARN:
// the fake has no IAM.
func (r *request) createGrant(in createGrantIn) (any, *Exception) {
	k, failed := r.find(in.KeyId)
	if failed != nil {
		return nil, failed
	}
	if failed := r.authorise(k, nil); failed != nil {
		return nil, failed
	}
	g := grant{
		id: requestID(), token: requestID(), grantee: in.GranteePrincipal, operations: in.Operations,
		equals: in.Constraints.EncryptionContextEquals, subset: in.Constraints.EncryptionContextSubset,
	}
	k.grants = append(k.grants, g)
	return map[string]string{"GrantId": g.id, "GrantToken": g.token}, nil
}

func (r *request) revokeGrant(in struct{ KeyId, GrantId string }) (any, *Exception) {
	k, failed := r.find(in.KeyId)
	if failed != nil {
		return nil, failed
	}
	k.grants = slices.DeleteFunc(k.grants, func(g grant) bool { return g.id == in.GrantId })
	return nil, nil
}

// Grant lets a principal do operations with the key. An operation for which KMS
// has no grants counts as allowed by a key policy. Grant panics if the key does
// not exist.
func (s *Server) Grant(arn, principal string, operations ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.mustFind(arn)
	k.grants = append(k.grants, grant{id: requestID(), token: requestID(), grantee: principal, operations: operations})
}

// Restrict takes everything from a principal (an access key id) that no grant
// allows.
func (s *Server) Restrict(principal string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limited[principal] = true
}

func (r *request) authorise(k *key, context map[string]string) *Exception {
	if !r.s.limited[r.principal] {
		return nil
	}
	for _, g := range k.grants {
		if g.grantee == r.principal && slices.Contains(g.operations, r.operation) && g.fits(context) {
			return nil
		}
	}
	return exception("AccessDeniedException", "User: arn:aws:iam::%s:user/%s is not authorized to perform: kms:%s on resource: %s because no identity-based policy allows the kms:%s action",
		Account, r.principal, r.operation, k.arn(), r.operation)
}

func (g grant) fits(context map[string]string) bool {
	if g.equals != nil && !maps.Equal(g.equals, context) {
		return false
	}
	for name, value := range g.subset {
		if context[name] != value {
			return false
		}
	}
	return true
}
