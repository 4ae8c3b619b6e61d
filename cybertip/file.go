package cybertip

// FileDetails is the root of the document that /fileinfo takes, one for each uploaded file.
type FileDetails struct {
	ReportID               int64     `xml:"reportId" rule:"req,range=1.."`
	FileID                 string    `xml:"fileId" rule:"req,max=255,fmt=token"`              // opaque, not a number
	FileName               string    `xml:"fileName,omitempty" rule:"max=2056"`               // as sent
	OriginalFileName       string    `xml:"originalFileName,omitempty" rule:"max=2056"`       // as uploaded to the service
	UploadedToESPTimestamp Time      `xml:"uploadedToEspTimestamp,omitempty"`                 //
	LocationOfFile         string    `xml:"locationOfFile,omitempty" rule:"max=2083,fmt=url"` // where it stood
	FileViewedByESP        Answer    `xml:"fileViewedByEsp,omitempty"`                        // the entire content, by a person
	EXIFViewedByESP        Answer    `xml:"exifViewedByEsp,omitempty"`
	PubliclyAvailable      Answer    `xml:"publiclyAvailable,omitempty"` // the entire content was open to anyone
	FileRelevance          Relevance `xml:"fileRelevance,omitempty"`     // "" is Reported

	// PotentialMeme and FileAnnotations exclude each other; annotations can say potential meme too.
	PotentialMeme   Answer           `xml:"potentialMeme,omitempty"`
	FileAnnotations *FileAnnotations `xml:"fileAnnotations,omitempty"`

	IndustryClassification Classification  `xml:"industryClassification,omitempty"` // for signatories of the industry hash sharing agreement
	OriginalFileHash       []Hash          `xml:"originalFileHash,omitempty"`       // of the bytes before the service changed them
	IPCaptureEvent         *IPCaptureEvent `xml:"ipCaptureEvent,omitempty"`         // the upload; one only
	DeviceID               []DeviceID      `xml:"deviceId,omitempty"`
	Details                []Details       `xml:"details,omitempty"`
	AdditionalInfo         []string        `xml:"additionalInfo"` // why it was flagged, and by what
}

// FileAnnotations are marks on one file; they may come in any order.
type FileAnnotations struct {
	AnimeDrawingVirtualHentai Flag `xml:"animeDrawingVirtualHentai,omitempty"`
	PotentialMeme             Flag `xml:"potentialMeme,omitempty"`
	Viral                     Flag `xml:"viral,omitempty"`
	PossibleSelfProduction    Flag `xml:"possibleSelfProduction,omitempty"`
	PhysicalHarm              Flag `xml:"physicalHarm,omitempty"`
	ViolenceGore              Flag `xml:"violenceGore,omitempty"`
	Bestiality                Flag `xml:"bestiality,omitempty"`
	LiveStreaming             Flag `xml:"liveStreaming,omitempty"`
	Infant                    Flag `xml:"infant,omitempty"`
	GenerativeAI              Flag `xml:"generativeAi,omitempty"`
}

func (FileAnnotations) anyOrder() {}

// describes reports whether any mark says something that only a look at the content can tell.
func (a FileAnnotations) describes() bool {
	return bool(a.AnimeDrawingVirtualHentai || a.PossibleSelfProduction || a.PhysicalHarm || a.ViolenceGore ||
		a.Bestiality || a.Infant || a.GenerativeAI)
}

// Hash is a hash of the original file. The type is free text on the wire; use MD5, SHA1, SHA256, PDQ.
type Hash struct {
	Type  string `xml:"hashType,attr,omitempty" rule:"req,max=64"`
	Value string `xml:",chardata" rule:"req"`
}

// Details are name and value pairs that were read out of a file.
type Details struct {
	Type          DetailsType     `xml:"type,attr,omitempty"`
	NameValuePair []NameValuePair `xml:"nameValuePair" rule:"req"`
}

// NameValuePair is one pair of them.
type NameValuePair struct {
	Name  string `xml:"name" rule:"req,max=64"`
	Value string `xml:"value"`
}
