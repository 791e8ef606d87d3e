module scim-operator.io/test/bench

go 1.26.0

replace scim-operator.io => ../..

require (
	github.com/scim2/filter-parser/v2 v2.3.1
	scim-operator.io v0.0.0
)

require (
	github.com/q-uint/parser v0.3.1 // indirect
	golang.org/x/text v0.43.0 // indirect
)
