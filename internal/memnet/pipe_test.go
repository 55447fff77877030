package memnet_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/memnet"
)

// ends returns both ends of a connection.
func ends(t *testing.T) (client, server net.Conn) {
	t.Helper()
	network := memnet.New()
	l := network.Listen(imds)
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		assert.NoError(t, err)
		accepted <- c
	}()
	client, err := network.DialContext(t.Context(), "tcp", imds)
	require.NoError(t, err)
	server = <-accepted
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func TestWriterNeedNotWaitForAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := ends(t)
		n, err := client.Write([]byte("hello"))
		require.NoError(t, err)
		assert.Equal(t, 5, n)
		require.NoError(t, client.Close())
		all, err := io.ReadAll(server)
		require.NoError(t, err, "what was on its way arrives, and then EOF")
		assert.Equal(t, "hello", string(all))
		_, err = server.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.EPIPE)
		_, err = client.Read(make([]byte, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = client.Write([]byte("x"))
		require.ErrorIs(t, err, net.ErrClosed)
		assert.Equal(t, imds, server.LocalAddr().String())
		assert.Equal(t, imds, client.RemoteAddr().String())
	})
}

func TestFullBufferHoldsTheWriterUntilTheReaderReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := ends(t)
		big := bytes.Repeat([]byte("0123456789"), 100_000)
		go func() {
			n, err := client.Write(big)
			assert.NoError(t, err)
			assert.Equal(t, len(big), n)
			assert.NoError(t, client.Close())
		}()
		synctest.Wait()
		all, err := io.ReadAll(server)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(big, all))
	})
}

func TestDeadlinesPassAndMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := ends(t)
		begin := time.Now()
		require.NoError(t, client.SetReadDeadline(begin.Add(time.Second)))
		_, err := client.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(begin))

		// Moved while somebody waits, in both directions.
		require.NoError(t, client.SetReadDeadline(begin.Add(3*time.Second)))
		time.AfterFunc(time.Second, func() { _ = client.SetReadDeadline(begin.Add(10 * time.Second)) })
		_, err = client.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, 10*time.Second, time.Since(begin))

		require.NoError(t, client.SetReadDeadline(time.Time{}))
		time.AfterFunc(time.Hour, func() { _, _ = server.Write([]byte("x")) })
		_, err = client.Read(make([]byte, 1))
		require.NoError(t, err)

		require.NoError(t, client.SetDeadline(time.Now()))
		_, err = client.Write([]byte("x"))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	})
}
