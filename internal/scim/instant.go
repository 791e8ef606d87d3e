// SPDX-License-Identifier: Apache-2.0

package scim

import "time"

// instant is a point in time. Dates compare as these.
type instant struct {
	seconds     int64
	nanoseconds int64
}

func (t instant) compare(u instant) int {
	switch {
	case t.seconds != u.seconds:
		return compareInts(t.seconds, u.seconds)
	default:
		return compareInts(t.nanoseconds, u.nanoseconds)
	}
}

// canonical writes the instant as answers show it: in UTC, and without zeros at the end of a
// fraction (XML Schema Part 2 §3.2.7.2). A year that four digits cannot write keeps the text.
func (t instant) canonical(text string) string {
	at := time.Unix(t.seconds, t.nanoseconds).UTC()
	if year := at.Year(); year < 0 || year > 9999 {
		return text
	}
	if written := at.Format("2006-01-02T15:04:05.999999999Z"); written != text {
		return written
	}
	return text
}

func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// parseInstant reads an xsd:dateTime (RFC 7643 §2.3.5) without allocating; one
// without a time zone is UTC. Digits beyond nanoseconds are dropped.
func parseInstant(s string) (instant, bool) {
	const date, clock = len("2006-01-02"), len("2006-01-02T15:04:05")
	if len(s) < clock || lower(s[date]) != 't' {
		return instant{}, false
	}
	days, okDate := parseDate(s[:date])
	seconds, okClock := parseClock(s[date+1 : clock])
	nanoseconds, rest, okFraction := fraction(s[clock:])
	offset, okZone := zone(rest)
	if !okDate || !okClock || !okFraction || !okZone || seconds == secondsPerDay && nanoseconds != 0 {
		return instant{}, false
	}
	return instant{seconds: days*secondsPerDay + seconds - offset, nanoseconds: nanoseconds}, true
}

const secondsPerDay = 24 * 60 * 60

// parseDate gives the days since 1970-01-01.
func parseDate(s string) (days int64, ok bool) {
	year, okYear := digits(s[:4])
	month, okMonth := digits(s[5:7])
	day, okDay := digits(s[8:10])
	if !okYear || !okMonth || !okDay || s[4] != '-' || s[7] != '-' ||
		month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	return daysSinceEpoch(year, month, day), true
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSinceEpoch counts the days of the proleptic Gregorian calendar, in which
// March begins a year so that the leap day is its last.
func daysSinceEpoch(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	const daysBeforeEpoch = 719_468 // from 0000-03-01 to 1970-01-01
	years := int64(year) + 400      // so that no division is of a negative number
	days := years*365 + years/4 - years/100 + years/400 - 146_097
	return days + int64((153*(month-3)+2)/5+day-1) - daysBeforeEpoch
}

// parseClock gives the seconds since midnight; midnight may be written 24:00:00,
// and 60 is a leap second.
func parseClock(s string) (seconds int64, ok bool) {
	hour, okHour := digits(s[:2])
	minute, okMinute := digits(s[3:5])
	second, okSecond := digits(s[6:8])
	seconds = int64(hour*3600 + minute*60 + second)
	ok = okHour && okMinute && okSecond && s[2] == ':' && s[5] == ':' && minute < 60 && second <= 60
	return seconds, ok && seconds <= secondsPerDay
}

func digits(s string) (n int, ok bool) {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, len(s) > 0
}

func fraction(s string) (nanoseconds int64, rest string, ok bool) {
	if s == "" || s[0] != '.' {
		return 0, s, true
	}
	i, unit := 1, int64(time.Second)
	for ; i < len(s) && isDigit(s[i]); i++ {
		unit /= 10
		nanoseconds += int64(s[i]-'0') * unit
	}
	return nanoseconds, s[i:], i > 1
}

// zone gives the offset from UTC in seconds.
func zone(s string) (offset int64, ok bool) {
	if s == "" || len(s) == 1 && lower(s[0]) == 'z' {
		return 0, true
	}
	if len(s) != len("+00:00") || s[3] != ':' || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	hours, okHours := digits(s[1:3])
	minutes, okMinutes := digits(s[4:6])
	offset = int64(hours*3600 + minutes*60)
	if s[0] == '-' {
		offset = -offset
	}
	return offset, okHours && okMinutes && hours <= 14 && minutes < 60
}
