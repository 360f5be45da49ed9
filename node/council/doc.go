// Package council is how operators change the members: a candidate signs a request to join, operators sign approvals of one
// exact change, and a node keeps its own operator's approvals and those of the other members until they lapse.
//
// An approval is no vote. The committee votes on headers; a header that changes the members is prepared by a member whose own
// operator has approved that very change, and by no other. What others have approved only says when proposing is worth it.
// docs/spec/members.md has the formats. No socket and no goroutine may enter here.
package council
