package cybertip

// Account is the run of elements that every reported person, recipient and victim begins with after
// the person itself. Identifiers are those of the reporting service.
type Account struct {
	ESPIdentifier      string           `xml:"espIdentifier,omitempty" rule:"max=255"` // unique id of the account in the service's system
	ESPService         string           `xml:"espService,omitempty" rule:"max=100"`    // the service's product that was used
	CompromisedAccount Answer           `xml:"compromisedAccount,omitempty"`
	ScreenName         string           `xml:"screenName,omitempty" rule:"max=256"`
	DisplayName        []string         `xml:"displayName"`
	ProfileURL         []string         `xml:"profileUrl" rule:"fmt=url"`
	ProfileBio         string           `xml:"profileBio,omitempty"`
	IPCaptureEvent     []IPCaptureEvent `xml:"ipCaptureEvent,omitempty"`
	DeviceID           []DeviceID       `xml:"deviceId,omitempty"`
}

// Standing is the run of elements about what became of an account.
type Standing struct {
	AccountTemporarilyDisabled *TemporarilyDisabled `xml:"accountTemporarilyDisabled,omitempty"`
	AccountPermanentlyDisabled *PermanentlyDisabled `xml:"accountPermanentlyDisabled,omitempty"`
	EstimatedLocation          *EstimatedLocation   `xml:"estimatedLocation,omitempty"`
	AllEmailsReported          Answer               `xml:"allEmailsReported,omitempty"`
}

// PersonOrUserReported is the account that is reported. A child never stands here because an age is
// unknown.
type PersonOrUserReported struct {
	Person                 *Person             `xml:"personOrUserReportedPerson,omitempty"`
	VehicleDescription     string              `xml:"vehicleDescription,omitempty" rule:"max=300"`
	Account                                    // wire: espIdentifier to deviceId
	ThirdPartyUserReported Answer              `xml:"thirdPartyUserReported,omitempty"` // uses another company's service; nothing more is known
	PriorCTReports         []int64             `xml:"priorCTReports" rule:"range=1.."`
	GroupIdentifier        string              `xml:"groupIdentifier,omitempty" rule:"max=255"`
	Standing                                   // wire: accountTemporarilyDisabled to allEmailsReported
	AssociatedAccount      []AssociatedAccount `xml:"associatedAccount,omitempty"`
	AdditionalInfo         string              `xml:"additionalInfo,omitempty"`
}

// IntendedRecipient is whom something was meant for.
type IntendedRecipient struct {
	Person          *Person  `xml:"intendedRecipientPerson,omitempty"`
	Account                  // wire: espIdentifier to deviceId
	PriorCTReports  []int64  `xml:"priorCTReports" rule:"range=1.."`
	GroupIdentifier string   `xml:"groupIdentifier,omitempty" rule:"max=255"`
	Standing                 // wire: accountTemporarilyDisabled to allEmailsReported
	AdditionalInfo  []string `xml:"additionalInfo"`
}

// Victim is a child. The person element is always written, empty when nothing is known.
type Victim struct {
	Person            Person              `xml:"victimPerson"`
	Account                               // wire: espIdentifier to deviceId
	SchoolName        string              `xml:"schoolName,omitempty" rule:"max=255"`
	PriorCTReports    []int64             `xml:"priorCTReports" rule:"range=1.."`
	Standing                              // wire: accountTemporarilyDisabled to allEmailsReported
	AssociatedAccount []AssociatedAccount `xml:"associatedAccount,omitempty"`
	AdditionalInfo    string              `xml:"additionalInfo,omitempty"`
}

// AssociatedAccount is another account of the same person, or of somebody who answers for them.
type AssociatedAccount struct {
	Type                       AccountType          `xml:"type,attr,omitempty" rule:"req"`
	Platform                   *AccountPlatform     `xml:"platform,omitempty"`
	FirstName                  string               `xml:"firstName,omitempty" rule:"max=100"`
	MiddleName                 string               `xml:"middleName,omitempty" rule:"max=100"`
	LastName                   string               `xml:"lastName,omitempty" rule:"max=100"`
	ApproximateAge             *int                 `xml:"approximateAge,omitempty" rule:"range=0..150"`
	DateOfBirth                Date                 `xml:"dateOfBirth,omitempty" rule:"fmt=date"`
	Phone                      []Phone              `xml:"phone,omitempty"`
	Email                      []Email              `xml:"email,omitempty"`
	AllEmailsReported          Answer               `xml:"allEmailsReported,omitempty"`
	Address                    []Address            `xml:"address,omitempty"`
	ESPService                 string               `xml:"espService,omitempty" rule:"max=100"`
	ESPIdentifier              string               `xml:"espIdentifier,omitempty" rule:"max=255"`
	ProfileURL                 []string             `xml:"profileUrl" rule:"fmt=url"`
	ScreenName                 string               `xml:"screenName,omitempty" rule:"max=256"`
	DisplayName                []string             `xml:"displayName"`
	ProfileBio                 string               `xml:"profileBio,omitempty"`
	GroupIdentifier            string               `xml:"groupIdentifier,omitempty" rule:"max=255"`
	CompromisedAccount         Answer               `xml:"compromisedAccount,omitempty"`
	AccountTemporarilyDisabled *TemporarilyDisabled `xml:"accountTemporarilyDisabled,omitempty"`
	AccountPermanentlyDisabled *PermanentlyDisabled `xml:"accountPermanentlyDisabled,omitempty"`
	IPCaptureEvent             []IPCaptureEvent     `xml:"ipCaptureEvent,omitempty"`
	DeviceID                   []DeviceID           `xml:"deviceId,omitempty"`
	PriorCTReport              []int64              `xml:"priorCTReport" rule:"range=1.."` // singular here, plural elsewhere
	AdditionalInfo             string               `xml:"additionalInfo,omitempty"`
}

// AccountPlatform names the platform of an associated account.
type AccountPlatform struct {
	ThirdPartyUser Answer `xml:"thirdPartyUser,attr,omitempty"`
	Name           string `xml:",chardata" rule:"req"`
}

// Person is a human being, as far as known. An age of 0 is an infant, nil is unknown.
type Person struct {
	FirstName   string    `xml:"firstName,omitempty" rule:"max=100"`
	LastName    string    `xml:"lastName,omitempty" rule:"max=100"`
	Phone       []Phone   `xml:"phone,omitempty"`
	Email       []Email   `xml:"email,omitempty"`
	Address     []Address `xml:"address,omitempty"`
	Age         *int      `xml:"age,omitempty" rule:"range=0..150"`
	DateOfBirth Date      `xml:"dateOfBirth,omitempty" rule:"fmt=date"`
}

// ContactPerson is somebody who can be called.
type ContactPerson struct {
	FirstName string    `xml:"firstName,omitempty" rule:"max=100"`
	LastName  string    `xml:"lastName,omitempty" rule:"max=100"`
	Phone     []Phone   `xml:"phone,omitempty"`
	Email     []Email   `xml:"email,omitempty"`
	Address   []Address `xml:"address,omitempty"`
}

// Address is a postal address. State is for the United States only.
type Address struct {
	Type        AddressType `xml:"type,attr,omitempty"`
	Address     string      `xml:"address,omitempty" rule:"max=255"`
	City        string      `xml:"city,omitempty" rule:"max=100"`
	ZipCode     string      `xml:"zipCode,omitempty" rule:"max=20"`
	State       State       `xml:"state,omitempty"`
	NonUSAState string      `xml:"nonUsaState,omitempty" rule:"max=100"`
	Country     Country     `xml:"country,omitempty"`
}

// Email is a mail address and whether and when the service verified it.
type Email struct {
	Type             EmailType `xml:"type,attr,omitempty"`
	Verified         Answer    `xml:"verified,attr,omitempty"`
	VerificationDate Time      `xml:"verificationDate,attr,omitempty"`
	Address          string    `xml:",chardata" rule:"req,max=255,fmt=email"`
}

// Phone is a telephone number and whether and when the service verified it.
type Phone struct {
	Type               PhoneType `xml:"type,attr,omitempty"`
	Verified           Answer    `xml:"verified,attr,omitempty"`
	VerificationDate   Time      `xml:"verificationDate,attr,omitempty"`
	CountryCallingCode string    `xml:"countryCallingCode,attr,omitempty" rule:"fmt=calling"` // +32
	Extension          string    `xml:"extension,attr,omitempty" rule:"max=10,fmt=digits"`
	Number             string    `xml:",chardata" rule:"req,max=50"`
}

// IPCaptureEvent is an address that the service saw, and when. Behind carrier-grade NAT an address
// without port and time leads nowhere.
type IPCaptureEvent struct {
	IPAddress     string    `xml:"ipAddress" rule:"req,fmt=ip"`
	EventName     EventName `xml:"eventName,omitempty"`
	DateTime      Time      `xml:"dateTime,omitempty"`
	PossibleProxy Answer    `xml:"possibleProxy,omitempty"`
	Port          int       `xml:"port,omitempty" rule:"range=1..65535"`
}

// DeviceID is an identifier of a device, such as an IMEI.
type DeviceID struct {
	IDType    string    `xml:"idType" rule:"req,max=255"`
	IDValue   string    `xml:"idValue" rule:"req,max=2083"`
	EventName EventName `xml:"eventName,omitempty"`
	DateTime  Time      `xml:"dateTime,omitempty"`
}

// EstimatedLocation is where the service thinks somebody is.
type EstimatedLocation struct {
	Verified    Answer  `xml:"verified,attr,omitempty"`
	Timestamp   Time    `xml:"timestamp,attr,omitempty"`
	City        string  `xml:"city,omitempty" rule:"max=255"`
	Region      string  `xml:"region,omitempty" rule:"max=255"`
	CountryCode Country `xml:"countryCode,omitempty"`
}

// TemporarilyDisabled says whether an account was suspended, and whether its user was told.
type TemporarilyDisabled struct {
	DisabledDate     Time   `xml:"disabledDate,attr,omitempty"`
	UserNotified     Answer `xml:"userNotified,attr,omitempty"`
	UserNotifiedDate Time   `xml:"userNotifiedDate,attr,omitempty"`
	ReenabledDate    Time   `xml:"reenabledDate,attr,omitempty"`
	Disabled         Answer `xml:",chardata" rule:"req"`
}

// PermanentlyDisabled says whether an account was closed, and whether its user was told.
type PermanentlyDisabled struct {
	DisabledDate     Time   `xml:"disabledDate,attr,omitempty"`
	UserNotified     Answer `xml:"userNotified,attr,omitempty"`
	UserNotifiedDate Time   `xml:"userNotifiedDate,attr,omitempty"`
	Disabled         Answer `xml:",chardata" rule:"req"`
}
