package store

// What tests of package store_test need of the inside.
var (
	DBError         = dbError
	KeepEventMonths = (*Store).keepEventMonths
	MigrateTo       = (*Store).migrateTo
)

// RejectsMax is how many rejects of one account are kept.
const RejectsMax = rejectsMax
