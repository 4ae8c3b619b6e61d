package houvast_test

// The house test: who may import whom, what may stand where, and how large it may grow. ARCHITECTURE.md
// says the same in words; both change in one commit.
//
// The rules are functions over a tree (arch_model_test.go), never over the disk, so that
// TestHouseSeesPlanted can show each of them a violation and must see it reported. A rule is written
// from the design and not from what exists: code that breaks a rule is mended, the rule is not bent.

import (
	"fmt"
	"strings"
	"testing"
)

const module = "github.com/houvast/houvast"

// A ring is a set of rooms with the same rights. A room includes the folders below it.
type ring struct {
	name  string
	rooms []string // folders below the module root; "." is the root package alone
}

// rings lists the house from the inside out. A package may import its own room and every ring that
// stands before its own; inside a ring, rooms do not know each other. beside lists what differs.
var rings = []ring{
	{"vocabulary", []string{"."}},
	{"pure", []string{"hashing", "matching", "textrisk", "triage", "rules", "cybertip"}},
	{"edge", []string{"exchange", "cybertip/submit", "cybertip/receive", "client", "practice"}},
	{"ground", []string{"internal/store", "internal/blob", "internal/seal", "internal/words", "internal/draw", "internal/fault", "locales"}},
	{"platform", []string{"internal/task", "internal/audit", "internal/action", "internal/access", "internal/sandbox"}},
	{"rooms", []string{"internal/item", "internal/subject", "internal/bank", "internal/review", "internal/report", "internal/evidence",
		"internal/order", "internal/rule", "internal/talk", "internal/protect", "internal/guidance", "internal/intake",
		"internal/dossier", "internal/exhibit", "internal/trend"}},
	{"look", []string{"internal/look"}},
	{"flow", []string{"internal/pipeline"}},
	{"surfaces", []string{"internal/httpapi", "internal/hmaapi", "internal/console", "internal/public", "internal/config"}},
	{"commands", []string{"cmd"}},
}

// apart lists rings that stand side by side: the second may not import the first although it comes later.
var apart = map[string]string{
	"look": "rooms", // it reads any table by SELECT and knows no room's types
}

// beside lists the rooms that others of their own ring may import, and which.
var beside = map[string][]string{
	"locales":        {"internal/words"}, // the texts; words alone reads them
	"internal/fault": {"internal/store", "internal/blob", "internal/seal"},
	"internal/task":  {"internal/action"}, // an action is carried out by answering a doorbell
}

// A door is a folder that few may enter.
type door struct {
	to   string
	keys []string // who may import it; the folder itself always may
}

var doors = []door{
	{"exchange", []string{"internal/bank"}},
	{"cybertip/submit", []string{"internal/report", "cmd"}},
	{"hashing/decode", []string{"cmd/houvast"}},
	{"internal/store", []string{"internal/task", "internal/audit", "internal/action", "internal/access", "internal/sandbox",
		"internal/pipeline", "internal/look", "cmd"}}, // and store.go of a room, see checkStore
}

// writers may name store.Writer. Only cmd makes one, only the pipeline and the three runners (tasks, audit, actions) receive it.
var writers = []string{"internal/store", "internal/pipeline", "internal/task", "internal/audit", "internal/action", "cmd"}

// Image decoders meet untrusted bytes, so they stand where the sandbox is, and where pictures are drawn.
var (
	codecs     = []string{"image/jpeg", "image/png", "image/gif", "golang.org/x/image/webp", "golang.org/x/image/vp8", "golang.org/x/image/vp8l", "golang.org/x/image/bmp", "golang.org/x/image/tiff", "github.com/gen2brain"}
	codecRooms = []string{"hashing/decode", "internal/draw"}
)

// Pure rooms reach none of reach by any way, and name none of names themselves. Nearly everything
// reaches os and syscall through fmt, so those two are only checked by name.
var (
	reach = []string{"os/exec", "net", "net/http", "database/sql"}
	names = []string{"os", "syscall", "log", "golang.org/x/sys"}
)

// tags says where a file may depend on a build tag of ours. A tag that ends in * is a beginning.
// Importable packages are in neither list: whoever builds with them could set the tag.
var tags = []door{
	{"faults", []string{"internal/fault", "cmd/houvast"}},
	{"control_*", []string{"internal/fault", "internal/store", "internal/blob", "internal/seal", "internal/task", "internal/audit",
		"internal/action", "internal/access", "internal/sandbox", "internal/item", "internal/bank", "internal/review", "internal/report",
		"internal/evidence", "internal/pipeline", "internal/httpapi", "cmd/houvast"}},
}

// Folder names that say nothing about what belongs inside.
var drawers = []string{"util", "utils", "common", "helper", "helpers", "model", "models", "service", "services"}

// The budgets, in lines as a reader sees them.
const (
	fileP90, fileMax = 450, 900
	funcP90, funcMax = 45, 120
	packageMax       = 1500
)

// large lists the packages that may pass packageMax, and why.
var large = map[string]string{
	"cmd/houvast": "one small file a command; splitting it would only hide the list",
	"cybertip":    "one type an element of a wire format that is not ours",
}

// houseRules is every rule by name. A rule without a planted violation fails TestHouseSeesPlanted.
var houseRules = []struct {
	name  string
	check func(*tree, func(format string, args ...any))
}{
	{"seen", checkSeen},
	{"rings", checkRings},
	{"doors", checkDoors},
	{"store", checkStore},
	{"writer", checkWriter},
	{"codecs", checkCodecs},
	{"pure", checkPure},
	{"practice", checkPractice},
	{"init", checkInit},
	{"variables", checkVariables},
	{"exits", checkExits},
	{"folders", checkFolders},
	{"package comments", checkPackageComments},
	{"exported comments", checkExported},
	{"file budget", checkFileBudget},
	{"function budget", checkFuncBudget},
	{"package budget", checkPackageBudget},
	{"sleep", checkSleep},
	{"cgo", checkCgo},
	{"tags", checkTags},
}

// inspect runs every rule over a tree and returns what it found, each as "rule: sentence".
func (tr *tree) inspect() (found []string) {
	for _, r := range houseRules {
		r.check(tr, func(format string, args ...any) {
			found = append(found, r.name+": "+fmt.Sprintf(format, args...))
		})
	}
	return found
}

func TestHouse(t *testing.T) {
	tr, err := loadTree(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, complaint := range tr.inspect() {
		t.Error(complaint)
	}
	files, lines := 0, 0
	for _, p := range tr.pkgs {
		files += len(p.files)
		for _, f := range p.files {
			lines += f.lines
		}
	}
	t.Logf("house: %d packages, %d files, %d lines, %d rules", len(tr.pkgs), files, lines, len(houseRules))
	if len(tr.pkgs) == 0 || files == 0 {
		t.Fatal("the house test saw nothing, so it proves nothing")
	}
}

// below reports whether a path is a folder or stands below it. Nothing but itself is below ".".
func below(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func belowAny(path string, folders []string) bool {
	for _, f := range folders {
		if below(path, f) {
			return true
		}
	}
	return false
}

// place returns the ring and the room of a package: those of the deepest room that holds it.
func place(path string) (depth int, room string) {
	depth = -1
	for i := range rings {
		for _, r := range rings[i].rooms {
			if below(path, r) && len(r) > len(room) {
				depth, room = i, r
			}
		}
	}
	return depth, room
}
