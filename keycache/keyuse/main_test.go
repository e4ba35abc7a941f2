package keyuse_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"go.uber.org/goleak"

	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

func TestMain(m *testing.M) {
	if os.Getenv(victimSpool) != "" {
		victim()
	}
	goleak.VerifyTestMain(m)
}

// victimSpool in the environment makes this binary the process that TestKilled
// kills.
const victimSpool = "KEYUSE_TEST_VICTIM_SPOOL"

const victimUses = 3000

// victim records with no collector, says when all of it is in the spool, and
// waits for its end.
func victim() {
	r, err := keyuse.Open(keyuse.Options{Required: true, SpoolDir: os.Getenv(victimSpool)})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for i := 1; i <= victimUses; i++ {
		if err := r.Record(&exchange, []keyuse.Use{use(i)}, keyuse.Reservation{}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	for r.Stats().Spooled < victimUses {
		runtime.Gosched()
	}
	fmt.Println("spooled")
	select {}
}
