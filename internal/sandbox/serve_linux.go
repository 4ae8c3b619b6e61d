package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/houvast/houvast"
)

// socketFD is where a child finds the socket to its parent.
const socketFD = 3

// Serve is the main loop of a child, for the hidden command that Config.Argv names. It applies the
// layers, answers requests one after the other with the handler of their Op, and returns nil when
// the parent closes the socket. Called by hand, without a parent, it fails with Invalid.
func Serve(handlers map[string]Handler) error { return serve(handlers, inForce()) }

func serve(handlers map[string]Handler, l layering) error {
	// Ending is the parent's business: a signal to the whole group or service must not cost the
	// request in hand. The parent kills, or closes the socket, or dies.
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	c := childEnd{}
	h, body, fd, err := c.read()
	if err != nil || h.kind != frameSetup || fd >= 0 || json.Unmarshal(body, &c.setup) != nil {
		return houvast.Errorf("sandbox.Serve", houvast.Invalid, "no-parent", "there is no parent that speaks to this child").
			WithHint("this command is started by houvast itself")
	}
	if err := c.writeJSON(header{kind: frameHello}, l.apply(c.setup)); err != nil {
		return err
	}
	for {
		if err := c.one(handlers); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return houvast.Wrap("sandbox.Serve", err)
		}
	}
}

// childEnd is the child's end of the socket. It uses plain blocking calls: the fewer the runtime
// needs, the shorter the list of allowed ones.
type childEnd struct{ setup setup }

// one answers one request. A panic of the handler is not caught: the runtime ends the child, and the
// parent replaces it.
func (c *childEnd) one(handlers map[string]Handler) error {
	h, body, fd, err := c.read()
	if err != nil {
		return err
	}
	var req sized
	if h.kind != frameRequest || fd < 0 || json.Unmarshal(body, &req) != nil || req.check() != nil || req.Size < 0 || req.Size > c.setup.MaxData {
		return errors.New("the parent sent a malformed request")
	}
	defer unix.Close(fd)
	var data []byte
	if req.Size > 0 {
		if data, err = unix.Mmap(fd, 0, int(req.Size), unix.PROT_READ, unix.MAP_PRIVATE); err != nil {
			return os.NewSyscallError("mmap", err)
		}
		defer unix.Munmap(data) // after the answer is written: it may be a part of data
	}
	handle := handlers[req.Op]
	if handle == nil {
		return c.refuse(h.number, houvast.Errorf("sandbox.Serve", houvast.Invalid, "unknown-op", "the child has no such operation"))
	}
	answer, err := handle(req.Request, data)
	if err == nil && len(answer) > c.setup.MaxAnswer {
		err = houvast.Errorf("sandbox.Serve", houvast.Internal, codeTooMuch, "the answer has more than %d bytes", c.setup.MaxAnswer)
	}
	if err != nil {
		return c.refuse(h.number, err)
	}
	return c.write(header{kind: frameAnswer, number: h.number}, answer)
}

func (c *childEnd) refuse(number uint32, err error) error {
	return c.writeJSON(header{kind: frameRefusal, number: number}, refusal{houvast.KindOf(err).String(), houvast.CodeOf(err)})
}

// read returns one frame and the descriptor that came with it, or -1.
func (c *childEnd) read() (h header, body []byte, fd int, err error) {
	var head [headerSize]byte
	fd, err = recvAll(head[:])
	if err != nil {
		return h, nil, fd, err
	}
	h, ok := parseHeader(head)
	if !ok || h.length > maxBody {
		return h, nil, fd, errors.New("the parent sent no frame")
	}
	body = make([]byte, h.length)
	_, err = recvAll(body)
	return h, body, fd, err
}

// recvAll fills b and returns the last descriptor that came along, or -1.
func recvAll(b []byte) (fd int, err error) {
	fd = -1
	oob := make([]byte, unix.CmsgSpace(4))
	for len(b) > 0 {
		n, oobn, _, _, err := unix.Recvmsg(socketFD, b, oob, unix.MSG_CMSG_CLOEXEC)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case n == 0 && err == nil, errors.Is(err, unix.ECONNRESET):
			return fd, io.EOF
		case err != nil:
			return fd, os.NewSyscallError("recvmsg", err)
		}
		b = b[n:]
		if msgs, err := unix.ParseSocketControlMessage(oob[:oobn]); err == nil {
			for i := range msgs {
				if fds, err := unix.ParseUnixRights(&msgs[i]); err == nil && len(fds) > 0 {
					fd = fds[0]
				}
			}
		}
	}
	return fd, nil
}

func (c *childEnd) writeJSON(h header, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.write(h, body)
}

func (c *childEnd) write(h header, body []byte) error {
	h.length = uint32(len(body))
	for _, b := range [][]byte{h.append(nil), body} {
		for len(b) > 0 {
			n, err := unix.Write(socketFD, b)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return os.NewSyscallError("write", err)
			}
			b = b[n:]
		}
	}
	return nil
}
