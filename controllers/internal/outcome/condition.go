// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxMessage bounds a condition's message, in bytes. The API server allows 32 KiB; a
// message quotes what others wrote, and a person reads it.
const maxMessage = 1024

// Object is a kind of this API whose status obeys the kstatus contract.
type Object interface {
	client.Object
	GetConditions() []metav1.Condition
	SetConditions([]metav1.Condition)
}

// Set sets a condition of the object for its present generation.
func Set(obj Object, conditionType string, status bool, reason, message string) {
	conditions := obj.GetConditions()
	condition := metav1.Condition{
		Type:               conditionType,
		Status:             metav1.ConditionFalse,
		Reason:             reason,
		Message:            Clip(message),
		ObservedGeneration: obj.GetGeneration(),
	}
	if status {
		condition.Status = metav1.ConditionTrue
	}
	meta.SetStatusCondition(&conditions, condition)
	obj.SetConditions(conditions)
}

// IsTrue says whether the object has the condition and it is True.
func IsTrue(obj Object, conditionType string) bool {
	return meta.IsStatusConditionTrue(obj.GetConditions(), conditionType)
}

// Find returns the object's condition, or an empty one when it has none.
func Find(obj Object, conditionType string) metav1.Condition {
	if c := meta.FindStatusCondition(obj.GetConditions(), conditionType); c != nil {
		return *c
	}
	return metav1.Condition{}
}

// Remove takes a condition away that is present only when it is True.
func Remove(obj Object, conditionType string) {
	conditions := obj.GetConditions()
	meta.RemoveStatusCondition(&conditions, conditionType)
	obj.SetConditions(conditions)
}

// Clip cuts a message to what a condition holds, between characters.
func Clip(message string) string { return ClipTo(message, maxMessage) }

// ClipTo cuts a message to so many bytes, between characters.
func ClipTo(message string, limit int) string {
	if len(message) <= limit {
		return message
	}
	const ellipsis = "…"
	end := limit - len(ellipsis)
	for !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end] + ellipsis
}
