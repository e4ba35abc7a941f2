package transit

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// Every variable that Vault's and OpenBao's clients read is in one of these
// lists, by its name without VAULT_ or BAO_. The SDK reads none of them.
var (
	// heededVariables are overridden by the URI's options.
	heededVariables = []string{"ADDR", "TOKEN", "NAMESPACE", "CACERT", "CLIENT_CERT", "CLIENT_KEY", "TLS_SERVER_NAME", "DISABLE_REDIRECTS"}

	// refusedVariables would send data keys elsewhere, open this connection to
	// others, or change whom sealmesh trusts without a trace in the policy.
	refusedVariables = map[string]string{
		"SKIP_VERIFY":       "trust the server's CA by ca-file instead",
		"PROXY_ADDR":        "name the server in the key's URI; HTTPS_PROXY names a proxy that sees TLS only",
		"HTTP_PROXY":        "name the server in the key's URI; HTTPS_PROXY names a proxy that sees TLS only",
		"AGENT_ADDR":        "name the agent in the key's URI, with tls=off where it is on loopback",
		"SRV_LOOKUP":        "name the server and its port in the key's URI",
		"WRAP_TTL":          "sealmesh reads answers that are not wrapped",
		"HEADERS":           "sealmesh sends no headers that the environment chose",
		"MFA":               "log in by auth, or name a token by token-file",
		"CACERT_BYTES":      "write the CAs into a file, and name it by ca-file",
		"CAPATH":            "write the CAs into a file, and name it by ca-file",
		"CLIENT_CERT_BYTES": "write the certificate into a file, and name it by cert-file",
		"CLIENT_KEY_BYTES":  "write the key into a file, and name it by key-file",
	}

	// harmlessVariables have an option or a limit of sealmesh's own in their
	// place, or are read only by command-line tools and Vault's plugins.
	harmlessVariables = []string{
		"CLIENT_TIMEOUT", "MAX_RETRIES", "RATE_LIMIT", "TOKEN_PATH", "PLUGIN_AUTOMTLS_ENABLED", "PLUGIN_METADATA_MODE", "UNWRAP_TOKEN",
	}
)

// environment returns the value of name that OpenBao, or else Vault, would
// read.
func environment(name string) string {
	return cmp.Or(os.Getenv("BAO_"+name), os.Getenv("VAULT_"+name))
}

// checkEnvironment refuses a variable that sealmesh must not follow, since an
// operator who set it would expect its effect. A switch that is off counts as
// not set.
func checkEnvironment() error {
	for name, instead := range refusedVariables {
		for _, prefix := range []string{"BAO_", "VAULT_"} {
			value := os.Getenv(prefix + name)
			if on, err := strconv.ParseBool(value); value == "" || err == nil && !on {
				continue
			}
			return fmt.Errorf("%s is set, and data keys cross this connection: %s", prefix+name, instead)
		}
	}
	return nil
}

func redirectsDisabled() (bool, error) {
	off, err := strconv.ParseBool(cmp.Or(environment("DISABLE_REDIRECTS"), "false"))
	if err != nil {
		return false, errors.New("VAULT_DISABLE_REDIRECTS is neither true nor false")
	}
	return off, nil
}
