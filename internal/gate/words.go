package gate

import "strings"

// Doing is what keeps users out, of the kinds that every language has words for.
type Doing string

// The kinds; empty: an upgrade.
const (
	Upgrade Doing = "upgrade"
	Install Doing = "install" // for the first time
	Return  Doing = "return"  // to an earlier version, since somebody wants it
	PutBack Doing = "put-back"
	Waits   Doing = "waits" // for a person
)

// phrases are the sentences of a language: %p stands for the product, %v for the
// version that it comes to, %t for a time, %n for a number.
type phrases struct {
	title, end, soon, minute, minutes, late, wait, again, contact, thisService string
	hand                                                                       string // behind what is done
	doing                                                                      map[Doing]string
	kept                                                                       string // of the users' data
}

func words(lang string) (phrases, bool) {
	switch lang {
	case "en":
		return phrases{
			title: "%p is unavailable for the moment", end: "Expected end: %t.", soon: "in less than a minute", minute: "in about a minute", minutes: "in about %n minutes",
			late: "The expected end has passed; it should not take much longer.", wait: "This page reloads by itself.", again: "Try again in %n seconds.",
			contact: "Contact: ", thisService: "This service", hand: "A part of the work is being done by hand now.", kept: "Your data is kept.",
			doing: map[Doing]string{
				Upgrade: "%p is being upgraded to %v.", "": "It is being upgraded.", Install: "%p is being installed.", Return: "%p is being put back on %v.",
				PutBack: "It did not succeed; %p is being put back as it was.",
				Waits:   "The work on %p takes longer than planned; its administrator has to look at it.",
			}}, true
	case "fr":
		return phrases{
			title: "%p est indisponible pour le moment", end: "Fin prévue : %t.", soon: "dans moins d’une minute", minute: "dans une minute environ", minutes: "dans %n minutes environ",
			late: "La fin prévue est dépassée ; cela ne devrait plus tarder.", wait: "Cette page s’actualise d’elle-même.", again: "Réessayez dans %n secondes.",
			contact: "Contact : ", thisService: "Ce service", hand: "Une partie du travail se fait à la main en ce moment.", kept: "Vos données sont conservées.",
			doing: map[Doing]string{
				Upgrade: "%p passe à la version %v.", "": "Une mise à niveau est en cours.", Install: "%p est en cours d’installation.", Return: "%p revient à la version %v.",
				PutBack: "Cela n’a pas réussi ; %p est remis dans son état antérieur.",
				Waits:   "Le travail sur %p dure plus longtemps que prévu ; son administrateur doit s’en occuper.",
			}}, true
	case "de":
		return phrases{
			title: "%p ist im Moment nicht erreichbar", end: "Voraussichtliches Ende: %t.", soon: "in weniger als einer Minute", minute: "in etwa einer Minute", minutes: "in etwa %n Minuten",
			late: "Das voraussichtliche Ende ist vorbei; es sollte nicht mehr lange dauern.", wait: "Diese Seite lädt sich von selbst neu.", again: "Bitte in %n Sekunden noch einmal versuchen.",
			contact: "Kontakt: ", thisService: "Dieser Dienst", hand: "Ein Teil der Arbeit geschieht gerade von Hand.", kept: "Ihre Daten bleiben erhalten.",
			doing: map[Doing]string{
				Upgrade: "%p wird auf %v gebracht.", "": "Eine neue Version wird eingespielt.", Install: "%p wird eingerichtet.", Return: "%p wird auf %v zurückgebracht.",
				PutBack: "Es ist nicht gelungen; %p wird wieder so hergestellt, wie es war.",
				Waits:   "Die Arbeit an %p dauert länger als geplant; wer es verwaltet, muss danach sehen.",
			}}, true
	}
	return phrases{}, false
}

// says is the sentence for what is done; what has no version gets the general one.
func (w phrases) says(d Doing, product, version string) string {
	text, ok := w.doing[d]
	if !ok || version == "" && strings.Contains(text, "%v") {
		text = w.doing[""]
	}
	return fill(text, "%p", product, "%v", version)
}

// fill puts values in; what looks like a place in a value stays as it is.
func fill(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }

// language picks the best known one from Accept-Language (RFC 9110, 12.5.4).
func language(accept string) string {
	best, weight := "en", 0.0
	for part := range strings.SplitSeq(accept, ",") {
		tag, q := weighted(part)
		tag, _, _ = strings.Cut(tag, "-")
		if _, ok := words(tag); ok && q > weight {
			best, weight = tag, q
		}
	}
	return best
}
