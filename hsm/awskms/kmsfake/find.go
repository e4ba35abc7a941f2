package kmsfake

import "strings"

// find resolves a key id, key ARN, alias name or alias ARN as the API does.
func (r *request) find(id string) (*key, *Exception) {
	account := Account
	if part := strings.Split(id, ":"); len(part) > 1 {
		if len(part) != 6 || part[0] != "arn" || part[2] != "kms" {
			return nil, exception("InvalidArnException", "Invalid arn %s", id)
		}
		if part[3] != r.region {
			return nil, exception("NotFoundException", "Invalid arn %s", part[3])
		}
		account, id = part[4], strings.TrimPrefix(part[5], "key/")
	}
	if strings.HasPrefix(id, "alias/") {
		target, ok := r.aliases[account+":"+id]
		if !ok {
			return nil, exception("NotFoundException", "Alias arn:aws:kms:%s:%s:%s is not found.", r.region, account, id)
		}
		id = target
	}
	k := r.keys[id]
	if k == nil || k.Account != account {
		return nil, exception("NotFoundException", "Key 'arn:aws:kms:%s:%s:key/%s' does not exist", r.region, account, id)
	}
	k.refresh()
	return k, nil
}

// CreateAlias points name ("alias/…") at the key, in the key's Region and
// account. An alias that exists is moved.
func (s *Server) CreateAlias(name, arn string) (aliasARN string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.mustFind(arn)
	s.region(k.Region).aliases[k.Account+":"+name] = k.id
	return "arn:aws:kms:" + k.Region + ":" + k.Account + ":" + name
}
