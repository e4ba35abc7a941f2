package postgres

import "github.com/jackc/pgx/v5"

// renew makes a new connection use the certificates and the password that the
// files of url contain now. If they cannot be read, the previous ones are used.
func renew(c *pgx.ConnConfig, url string) {
	now, err := pgx.ParseConfig(url)
	if err != nil {
		return
	}
	c.Password, c.TLSConfig, c.Fallbacks = now.Password, now.TLSConfig, now.Fallbacks
}
