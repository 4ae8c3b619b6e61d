// Package config is the one file that sets up an installation: its fields, their defaults, and what
// is refused.
//
// A configuration is made in steps, each of which wins over the one before: Default, then the file
// (Load), then the environment (Environment), then flags (Set). Then Validate looks at the whole. cmd
// walks the steps; nobody else reads a file, a variable or a flag.
//
// What must stay true. Nothing in the file is ignored: an unknown key and a value of the wrong type
// are errors that name file, line and key. A secret is in a file of its own or in the environment and
// never in the configuration file, so that the file can be shown and kept in version control; no
// error quotes a value that may be one. What protects less (a missing sandbox layer, plain http
// towards other machines) has to be asked for by name.
//
// docs/config.md is made from the comments and tags below; a test compares them. The tags: toml is
// the key; min and max bound a whole number; one lists the allowed values; file marks a path, which
// in the file is relative to the folder of the file; env says that the environment alone may hold it.
package config

//go:generate go test . -run TestDocs -update

// Config is the settings of one installation. Its zero value is not useful; begin with Default.
type Config struct {
	// What this installation is. It is chosen once, with the jurisdiction. Empty: not chosen yet, so nothing is filed and nothing is preserved.
	Profile string `toml:"profile" one:"platform|hotline|helpline|police|practice"`
	// The country whose law sets periods and duties, as two letters (ISO 3166-1 alpha-2). Empty: not chosen yet.
	Jurisdiction string `toml:"jurisdiction"`
	// The folder of the database, the sealed bytes and the control socket. Empty: refused.
	Data string `toml:"data" file:"yes"`
	// The address of PostgreSQL, `postgres://user@host/name`, without a password. Empty: SQLite in the data folder. With a password it belongs in `database_file` or HOUVAST_DATABASE.
	Database string `toml:"database" env:"secret"`
	// A file that holds the address of PostgreSQL, password included. Empty: none.
	DatabaseFile string `toml:"database_file" file:"yes"`
	// Where the console and the API listen, `host:port`. Empty: they do not.
	Listen string `toml:"listen"`
	// Where the public pages listen, `host:port`. Empty: they do not.
	PublicListen string `toml:"public_listen"`
	// Where renditions are served and nothing else, `host:port`. Empty: where the console listens, told apart by the host name in `[url] media`.
	MediaListen string `toml:"media_listen"`
	// Whether other machines may reach this one by plain http. False: an address other machines can reach needs `[tls]`. True shows in `houvast doctor`.
	Insecure bool `toml:"insecure"`

	// How other machines call the three surfaces. Required as soon as one of them listens beyond this machine.
	URL URL `toml:"url"`
	// The certificate, unless a proxy on this machine holds it.
	TLS TLS `toml:"tls"`
	// The child processes that open files from strangers.
	Sandbox Sandbox `toml:"sandbox"`
	// How large and how long.
	Limits Limits `toml:"limits"`
	// How long reported evidence is preserved, where Houvast knows no statute or a longer period is lawful.
	Retention Retention `toml:"retention"`
	// The reversible hiding of an item on the platform while a person decides.
	Withhold Withhold `toml:"withhold"`
	// How close is a match.
	Match Match `toml:"match"`
	// What follows when a person decides that a picture is drawn or synthetic.
	Drawn Drawn `toml:"drawn"`
	// How people work together.
	Team Team `toml:"team"`
	// A body that receives reports. The table may be repeated.
	Recipients []Recipient `toml:"recipient"`
	// Who reports. What a recipient requires of it must be set before anything is filed.
	Reporter Reporter `toml:"reporter"`
	// The log that cannot be quietly changed.
	Audit Audit `toml:"audit"`

	origin map[string]string // key -> where its value was set, for messages
}

// URL is the three origins as a browser sees them: scheme and host, no path.
type URL struct {
	// The address of the console and the API. Empty: the listen address, on this machine only.
	Console string `toml:"console"`
	// The address of the renditions. Its host name differs from the other two, as cookies ignore ports. Empty: `media.` before the host of the console.
	Media string `toml:"media"`
	// The address of the public pages. Empty: as above.
	Public string `toml:"public"`
}

// TLS is a certificate for all three host names and its key, both in PEM.
type TLS struct {
	// The certificate with its chain. Empty: plain http.
	CertFile string `toml:"cert_file" file:"yes"`
	// The private key. Empty: plain http.
	KeyFile string `toml:"key_file" file:"yes"`
}

// Sandbox is the pool of decoding children and what each may use.
type Sandbox struct {
	// How many children. 0: one for each processor.
	Size int `toml:"size" min:"0" max:"256"`
	// The layers that may be missing: `landlock`, `seccomp`, `rlimits`. Empty: without all three no file is opened. What is named here shows in `houvast doctor`.
	AllowMissing []string `toml:"allow_missing" one:"landlock|seccomp|rlimits"`
	// The most processor time for one file, in seconds.
	CPUSeconds int `toml:"cpu_seconds" min:"1" max:"600"`
	// The most memory for one child, in MiB.
	DataMiB int `toml:"data_mib" min:"64" max:"16384"`
}

// Limits bounds what comes in and how long undecided things stay.
type Limits struct {
	// The largest upload, in MiB.
	UploadMiB int `toml:"upload_mib" min:"1" max:"4096"`
	// The largest picture, in millions of pixels over all its frames.
	Megapixels int `toml:"megapixels" min:"1" max:"1000"`
	// How long the bytes of a file that could not be looked at are kept, in hours.
	CouldNotLookHours int `toml:"could_not_look_hours" min:"1" max:"720"`
	// How long the evidence of what is not reported waits after the decision before it is destroyed, in hours. Nothing
	// takes the decision back meanwhile; an order that forbids deletion still holds the bytes.
	UndoHours int `toml:"undo_hours" min:"1" max:"168"`
}

// Retention is the operator's own period for reported evidence, as its counsel states it.
type Retention struct {
	// The period, in days from filing. It may lengthen a statute's period and never shorten it. 0: the period that Houvast knows for the jurisdiction; where it knows none, nothing is filed.
	Days int `toml:"days" min:"0" max:"36500"`
	// The law that sets the period, as it is cited in the record. Empty: not set.
	Law string `toml:"law"`
	// Where the period stands, for whoever checks it. Empty: not set.
	Source string `toml:"source"`
}

// Withhold is the call that hides an item on the platform for a while.
type Withhold struct {
	// Whether a match hides the item until a person has decided. False: it stays visible.
	Enabled bool `toml:"enabled"`
	// After how many hours it ends by itself.
	ExpiresHours int `toml:"expires_hours" min:"1" max:"720"`
	// The address on the platform that is called. Empty: none, and then nothing can be withheld.
	Webhook string `toml:"webhook"`
	// A file that holds the secret with which calls are signed. Empty: none.
	SecretFile string `toml:"secret_file" file:"yes"`
}

// Match is the default of a new bank.
type Match struct {
	// The most bits by which a PDQ hash may differ to be a match, unless the bank says otherwise. 0: equal hashes only.
	Threshold int `toml:"threshold" min:"0" max:"64"`
}

// Drawn is the operator's rule for what is drawn or synthetic, which jurisdictions treat differently.
// Without it nothing is reported, removal is proposed, and the evidence is destroyed after the
// waiting time of undo_hours.
type Drawn struct {
	// Whether a report is drafted and the evidence waits for it. False: neither.
	Report bool `toml:"report"`
	// Whether the item is shown again. False: its removal is proposed. It counts only when nothing is reported.
	Keep bool `toml:"keep"`
}

// Team is the rules between people.
type Team struct {
	// Whether the author of a report may approve it. False: another person must. True is for an organisation of one.
	SelfApproval bool `toml:"self_approval"`
}

// Recipient is a body that receives reports, and the credential for one of its environments.
type Recipient struct {
	// The name by which commands and pages call it: small letters, digits and hyphens. Empty: refused.
	Name string `toml:"name"`
	// What the credential is for. Only `production` files for real. Empty: refused.
	Environment string `toml:"environment" one:"practice|test|production"`
	// Where its interface is. Empty: refused.
	URL string `toml:"url"`
	// The user name of the credential. Empty: only for practice.
	User string `toml:"user"`
	// A file that holds the password of the credential. Empty: only for practice.
	PasswordFile string `toml:"password_file" file:"yes"`
}

// Reporter is who files, as the recipient sees it.
type Reporter struct {
	// The name of the organisation. Empty: not set.
	Organisation string `toml:"organisation"`
	// The first name of the contact person. Empty: not set.
	FirstName string `toml:"first_name"`
	// The last name of the contact person. Empty: not set.
	LastName string `toml:"last_name"`
	// The mail address of the contact person. Empty: not set.
	Email string `toml:"email"`
	// A telephone number that is answered day and night, `+` and digits. Empty: not set.
	Phone24h string `toml:"phone_24h"`
	// The page where authorities find how to send a demand. Empty: not set.
	LegalURL string `toml:"legal_url"`
	// The part of the terms of use that was broken, quoted in a report. Empty: not set.
	Terms string `toml:"terms"`
	// The name or number under which the recipient knows the organisation's standing text. Empty: not set.
	CompanyTemplate string `toml:"company_template"`
}

// Audit is the log's second place.
type Audit struct {
	// A file on another disk to which signed checkpoints are appended as well. Empty: none, and a rollback of the whole data folder is only seen by those who kept a checkpoint.
	MirrorFile string `toml:"mirror_file" file:"yes"`
}

// Default returns the settings of a machine that nobody else can reach.
func Default() Config {
	return Config{
		Data:         "houvast-data",
		Listen:       "localhost:8080",
		PublicListen: "localhost:8081",
		Sandbox:      Sandbox{CPUSeconds: 5, DataMiB: 1024},
		Limits:       Limits{UploadMiB: 100, Megapixels: 50, CouldNotLookHours: 72, UndoHours: 24},
		Withhold:     Withhold{ExpiresHours: 72},
		Match:        Match{Threshold: 31},
		origin:       map[string]string{},
	}
}
