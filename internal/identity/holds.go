// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"k8s.io/utils/ptr"

	"scim-operator.io/api/v1alpha1"
)

// SealedHold is a hold that was shown to a person. Nobody joins it any more, and a verdict
// about it names the digest of who was in it then.
type SealedHold struct {
	HoldID string `json:"holdID"`
	Digest string `json:"digest"`
	// Members is how many users were in it.
	Members int64 `json:"members"`
}

// Seal makes the record of a hold with these members, by their ids.
func Seal(holdID string, ids []string) SealedHold {
	sorted := slices.Sorted(slices.Values(ids))
	h := sha256.New()
	for _, id := range sorted {
		_, _ = h.Write([]byte(id + "\n"))
	}
	const half = sha256.Size / 2
	return SealedHold{HoldID: holdID, Digest: hex.EncodeToString(h.Sum(nil)[:half]), Members: int64(len(sorted))}
}

// SealedHolds reads the annotation HoldsAnnotation. What cannot be read was never shown: its
// holds are sealed anew.
func SealedHolds(annotations map[string]string) (sealed []SealedHold) {
	if text := annotations[v1alpha1.HoldsAnnotation]; text == "" || json.Unmarshal([]byte(text), &sealed) != nil {
		return nil
	}
	return sealed[max(len(sealed)-v1alpha1.MaxHolds, 0):]
}

// FormatSealedHolds is the annotation of these holds, "" of none. Of too many it keeps the last.
func FormatSealedHolds(sealed []SealedHold) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	encoded, err := json.Marshal(sealed[max(len(sealed)-v1alpha1.MaxHolds, 0):])
	return string(encoded), err
}

// SealedAs is the record of a hold, or nil while it is open.
func (t *Terms) SealedAs(holdID string) *SealedHold {
	i := slices.IndexFunc(t.Sealed, func(s SealedHold) bool { return s.HoldID == holdID })
	if i < 0 {
		return nil
	}
	return &t.Sealed[i]
}

// HeldMessage calls a person to decide about a hold.
func HeldMessage(d *v1alpha1.DeprovisioningStatus) string {
	what := "Users are to become inactive who are held and stay active: more than the guard lets go, or the last holder of a protected role."
	if d.Loses == v1alpha1.LosesRoles {
		what = "Users are to lose roles, or to be technicians no more, who are held and keep them: the groups or SCIM roles went that gave it, from more users than the guard lets."
	}
	return fmt.Sprintf("%s status.deprovisioning names them. Approve or reject that with the annotation %s: %s or %s: %[3]s.",
		what, v1alpha1.ApproveHeldAnnotation, v1alpha1.HoldRef(d.HoldID, d.Digest), v1alpha1.RejectHeldAnnotation)
}

// RefusedMessage says why a verdict does not count.
func RefusedMessage(d *v1alpha1.DeprovisioningStatus) string {
	return fmt.Sprintf("The verdict %q is refused: it does not name a hold with the digest of who was shown in it. Look at status.deprovisioning and decide anew.", d.RefusedVerdict)
}

// News is something about holds that a person should hear of.
type News struct{ Reason, Message string }

// HoldNews compares what a status said of holds with what it says now.
func HoldNews(before, now *v1alpha1.DeprovisioningStatus) (news []News) {
	was, is := ptr.Deref(before, v1alpha1.DeprovisioningStatus{}), ptr.Deref(now, v1alpha1.DeprovisioningStatus{})
	if is.HoldID != "" && is.HoldID != was.HoldID && is.Verdict == "" {
		news = append(news, News{v1alpha1.ReasonDeprovisioningHeld, HeldMessage(&is)})
	}
	if is.RefusedVerdict != "" && is.RefusedVerdict != was.RefusedVerdict {
		news = append(news, News{v1alpha1.ReasonVerdictRefused, RefusedMessage(&is)})
	}
	switch from, to := ptr.Deref(was.Queued, 0), ptr.Deref(is.Queued, 0); {
	case to == 0:
	case from == 0:
		news = append(news, News{v1alpha1.ReasonHoldOpened,
			fmt.Sprintf("More users are held since hold %s was shown. They are not part of it and wait in another, which is shown once that is decided.", is.HoldID)})
	case digits(to) > digits(from):
		news = append(news, News{v1alpha1.ReasonHoldGrown,
			fmt.Sprintf("%d users or more are held since hold %s was shown, ten times as many as before. Approving it does not let them go.", power(to), is.HoldID)})
	}
	return news
}

func digits(n int64) int { return len(strconv.FormatInt(n, 10)) }

// power is the largest power of ten that is not above n.
func power(n int64) int64 {
	const base = 10
	p := int64(1)
	for p*base <= n {
		p *= base
	}
	return p
}
