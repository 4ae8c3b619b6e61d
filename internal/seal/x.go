package seal
import (_ "filippo.io/age"; _ "modernc.org/sqlite"; _ "golang.org/x/crypto/chacha20poly1305"; _ "golang.org/x/sys/unix")
