package postgres

import "github.com/jackc/pgx/v5"

// renew has a new connection use the certificates and the password that the files
// of url hold now. While they cannot be read, those of the start serve.
func renew(c *pgx.ConnConfig, url string) {
	now, err := pgx.ParseConfig(url)
	if err != nil {
		return
	}
	c.Password, c.TLSConfig, c.Fallbacks = now.Password, now.TLSConfig, now.Fallbacks
}
