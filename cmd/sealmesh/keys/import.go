package keys

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms"
)

func importCommand() *cobra.Command {
	var uri, material, expires string
	var generate bool
	c := &cobra.Command{
		Use:   "import --kek awskms:///ARN --material FILE [--generate] [--expires DATE]",
		Short: "Import key material into an AWS KMS key of origin EXTERNAL",
		Long: `Import key material into an AWS KMS key of origin EXTERNAL, in every Region of the
URI. Then check that the key wraps and unwraps, if the principal may use it.

FILE holds 32 bytes for a symmetric key. For an RSA key it holds the private key as
PKCS #8, in DER or PEM. KMS supplies a public key to encrypt the material with:
symmetric material by RSAES_OAEP_SHA_256, an RSA key by RSA_AES_KEY_WRAP_SHA_256.

With --generate, first generate material that fits the key's spec and write it to
FILE with mode 0600. Keep FILE: when the material expires, KMS accepts the same
material again and no other.`,
		Args: cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !strings.HasPrefix(uri, awskms.Kind+":") {
				return cli.UsageError(c, fmt.Errorf("--kek %q: only AWS KMS keys accept imported material", uri))
			}
			var until time.Time
			if expires != "" {
				var err error
				if until, err = time.Parse(time.DateOnly, expires); err != nil || time.Until(until) <= 0 {
					return cli.UsageError(c, fmt.Errorf("--expires %q: use a future date such as 2027-03-01", expires))
				}
			}
			return importKey(c.Context(), c.OutOrStdout(), uri, material, generate, until)
		},
	}
	f := c.Flags()
	f.StringVar(&uri, "kek", "", "KEK `URI` with the ARN of the key")
	f.StringVar(&material, "material", "", "`FILE` with the key material, mode 0600")
	f.BoolVar(&generate, "generate", false, "generate the material and write it to the file")
	f.StringVar(&expires, "expires", "", "`DATE` (UTC) on which KMS deletes the material (default never)")
	_ = c.MarkFlagRequired("kek")
	_ = c.MarkFlagRequired("material")
	return c
}

func importKey(ctx context.Context, w io.Writer, uri, file string, generate bool, until time.Time) error {
	if generate {
		if err := makeMaterial(ctx, uri, file); err != nil {
			return err
		}
	}
	material, err := readMaterial(file)
	if err != nil {
		return err
	}
	defer clear(material)
	p, err := awskms.Import(ctx, uri, material, until)
	if err != nil {
		return err
	}
	result := "imported and verified"
	if err := roundTrip(ctx, p); mayNotUse(err) {
		result = "imported, but not verified, because this principal may not use the key: run 'sealmesh keys verify' as a principal that may"
	} else if err != nil {
		return err
	}
	d, err := p.Describe(ctx)
	if err != nil {
		return err
	}
	ends := "never expires"
	if !d.Expires.IsZero() {
		ends = "expires on " + d.Expires.UTC().Format(time.DateOnly)
	}
	_, err = fmt.Fprintf(w, "%s: %s; the material %s. Keep %s in a safe place.\n", d.KeyID, result, ends, file)
	return err
}

func makeMaterial(ctx context.Context, uri, file string) error {
	b, err := awskms.NewMaterial(ctx, uri)
	if err != nil {
		return err
	}
	defer clear(b)
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("material: %w", err)
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func readMaterial(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("material: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 && info.Mode()&fs.ModeType == 0 {
		return nil, fmt.Errorf("material: %s is readable by other users: run chmod 600 on it", file)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("material: %w", err)
	}
	if block, _ := pem.Decode(b); block != nil {
		clear(b)
		return block.Bytes, nil
	}
	return b, nil
}

// mayNotUse reports whether err says that the principal may not use the key. An
// administrator may import material without that permission.
func mayNotUse(err error) bool {
	e, ok := errors.AsType[*hsm.Error](err)
	return ok && e.Code == "AccessDeniedException"
}

// roundTrip checks that p unwraps the data key that it wrapped.
func roundTrip(ctx context.Context, p hsm.Provider) error {
	ec, err := hsm.NewEncryptionContext(map[string]string{"purpose": "sealmesh keys import"})
	if err != nil {
		return err
	}
	key, wrapped, err := p.GenerateDataKey(ctx, ec)
	if err != nil {
		return err
	}
	defer key.Destroy()
	again, err := p.UnwrapDataKey(ctx, wrapped, ec)
	if err != nil {
		return err
	}
	defer again.Destroy()
	same := false
	key.Expose(func(a []byte) { again.Expose(func(b []byte) { same = string(a) == string(b) }) })
	if !same {
		return errors.New("the KEK returned a different data key than it wrapped")
	}
	return nil
}
