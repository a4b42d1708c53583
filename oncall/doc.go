// Package oncall holds the words about who is on call and how they are reached:
// [Person], [Team], [Role], [Contact], and the paging seam, [Pager], through
// which a [Delivery] leaves the program and a [Receipt] comes back.
//
// Who is on call when is the business of oncall/schedule.
//
// The package is pure: the Pager is an interface that adapters implement.
package oncall
