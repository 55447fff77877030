package linklocal_test

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/linklocal"
	"example.com/podrole/internal/memnet"
)

func TestASwitchOfProtocolsDoesNotHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		network.Handle("127.0.0.1:80", func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			_, _ = io.Copy(io.Discard, conn)
		})
		rules := linklocal.Rules{}
		u, err := rules.Check("http://127.0.0.1/x")
		require.NoError(t, err)
		start := time.Now()
		err = linklocal.New(linklocal.Config{DialContext: network.DialContext}).Do(t.Context(),
			linklocal.Request{Method: "GET", URL: u, Rules: rules, Bound: time.Second}, func(*linklocal.Answer) error { return nil })
		require.ErrorContains(t, err, "it switched protocols")
		assert.LessOrEqual(t, time.Since(start), time.Second)
	})
}
