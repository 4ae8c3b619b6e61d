package houvast

// IncidentID names what one report is about. One report is filed per recipient, environment, subject
// and incident, never two.
type IncidentID string

// Environment says how real a recipient is. It is bound to the credential; only practice exists
// until an operator configures another.
type Environment string

// The environments.
const (
	Practice   Environment = "practice"
	Test       Environment = "test"
	Production Environment = "production"
)

// Environments returns all three.
func Environments() []Environment { return []Environment{Practice, Test, Production} }

// InstallationProfile is the kind of an installation, chosen once together with its jurisdiction. Nothing is filed or preserved
// before that.
type InstallationProfile string

// The profiles of installations.
const (
	ProfilePlatform InstallationProfile = "platform"
	ProfileHotline  InstallationProfile = "hotline"
	ProfileHelpline InstallationProfile = "helpline"
	ProfilePolice   InstallationProfile = "police"
	ProfilePractice InstallationProfile = "practice"
)

// InstallationProfiles returns all profiles.
func InstallationProfiles() []InstallationProfile {
	return []InstallationProfile{ProfilePlatform, ProfileHotline, ProfileHelpline, ProfilePolice, ProfilePractice}
}
