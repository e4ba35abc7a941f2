package main

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

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms"
)

func newKeysImport() *cobra.Command {
	var uri, material, expires string
	var generate bool
	c := &cobra.Command{
		Use:   "import --kek awskms:///ARN --material FILE [--generate] [--expires DATE]",
		Short: "Give an AWS KMS key of origin EXTERNAL its key material",
		Long: `Give an AWS KMS key of origin EXTERNAL its key material, in every Region of the URI,
and check that it then wraps and unwraps, where the principal may use it. FILE holds, for a symmetric key, 32 bytes;
for an RSA key, its private key as PKCS #8, in DER or PEM.

The material travels under a key that KMS makes for it: symmetric material by
RSAES_OAEP_SHA_256, an RSA key by RSA_AES_KEY_WRAP_SHA_256.

With --generate the material is made first, as the key's spec has it, and written to FILE (mode
0600). Keep it: when it expires, KMS takes the same material again and no other.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !strings.HasPrefix(uri, awskms.Kind+":") {
				return usageError{c, fmt.Errorf("--kek %q: only AWS KMS keys take imported material", uri)}
			}
			var until time.Time
			if expires != "" {
				var err error
				if until, err = time.Parse(time.DateOnly, expires); err != nil || time.Until(until) <= 0 {
					return usageError{c, fmt.Errorf("--expires %q: write a day to come, as 2027-03-01", expires)}
				}
			}
			return importKey(c.Context(), c.OutOrStdout(), uri, material, generate, until)
		},
	}
	f := c.Flags()
	f.StringVar(&uri, "kek", "", "KEK URI with the key's ARN")
	f.StringVar(&material, "material", "", "file with the key material, mode 0600")
	f.BoolVar(&generate, "generate", false, "make the material and write it to the file")
	f.StringVar(&expires, "expires", "", "day (UTC) on which KMS forgets the material (default never)")
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
	proof := "imported and proven"
	if err := roundTrip(ctx, p); mayNotUse(err) {
		proof = "imported, but not proven, since this principal may not use the key: run sealmesh keys verify as one that may"
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
	_, err = fmt.Fprintf(w, "%s: %s; the material %s. Keep %s where it is safe.\n", d.KeyID, proof, ends, file)
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
		return nil, fmt.Errorf("material: %s can be read by others: chmod 600 it", file)
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

// mayNotUse reports whether err is KMS's refusal of the principal. An administrator
// imports material and may not use the key.
func mayNotUse(err error) bool {
	e, ok := errors.AsType[*hsm.Error](err)
	return ok && e.Code == "AccessDeniedException"
}

// roundTrip proves a KEK: a data key comes back from its wrap.
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
		return errors.New("the KEK unwrapped another data key than it wrapped")
	}
	return nil
}
