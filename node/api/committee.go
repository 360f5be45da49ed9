package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/phantom-paradox/paradox/intent"
)

// What concerns the committee: approvals of changes, and evidence against members.

// maxApproval bounds the body of an approval: the longest has 512 bytes.
const maxApproval = 1 << 10

// Change is a change of the members that somebody's operator has approved. It is decided once a quorum has.
type Change struct {
	ID        Digest   `json:"id"`
	Action    string   `json:"action" enum:"admit,remove"`
	Member    Member   `json:"member" doc:"who comes or goes"`
	Epoch     uint32   `json:"epoch" doc:"whose members it changes; it lapses with the epoch"`
	Approved  []string `json:"approved" doc:"names of the members whose operators have approved it"`
	Weight    uint32   `json:"weight" doc:"of those"`
	Threshold uint32   `json:"threshold" doc:"a quorum weighs more"`
	Own       bool     `json:"own" doc:"this node's operator has approved it"`
	Expires   int64    `json:"expires" doc:"when the first of the approvals lapses"`
}

// Approved is what the node says of an approval that it keeps.
type Approved struct {
	Changes []Change `json:"changes" doc:"all that wait"`
}

// EvidenceList are proofs that members contradicted themselves.
type EvidenceList struct {
	Evidence []Evidence `json:"evidence"`
}

// Evidence is two votes of one member that no honest one casts together.
type Evidence struct {
	Member     intent.Key `json:"member"`
	Name       string     `json:"name,omitempty"`
	Height     uint64     `json:"height"`
	Epoch      uint32     `json:"epoch"`
	Generation uint32     `json:"generation"`
	Votes      []Vote     `json:"votes" doc:"the two"`
	Proof      Hex        `json:"proof" doc:"both votes as they travel, dag-cbor: anybody can verify them"`
}

// Vote is what a member signed.
type Vote struct {
	Kind   string           `json:"kind" enum:"propose,prepare,commit,round-change"`
	View   uint32           `json:"view"`
	Digest Digest           `json:"digest" doc:"of the header; of a round change: of its lock, zeros without one"`
	Sig    intent.Signature `json:"sig"`
}

func (s *Server) registerCommittee(o operations) {
	get(o, "/api/evidence", "getEvidence", "node", "Members that contradicted themselves, with proof", "",
		func(ctx context.Context, _ *none) (*EvidenceList, error) { return s.backend.Evidence(ctx) })
	type approvalIn struct {
		RawBody []byte `contentType:"application/cbor"`
	}
	op := o.operation(http.MethodPost, "/api/members/approvals", "approveChange", "node", "Hand in a member's operator's approval of a change of the members")
	op.DefaultStatus = http.StatusAccepted
	op.MaxBodyBytes = maxApproval + 1 // the framework refuses what reaches its limit
	op.BodyReadTimeout = bodyTime
	op.Description = "The approval is signed by the member's key, so it matters to nobody who hands it in; `paradox network admit` and `remove` make it."
	huma.Register(o.api, op, func(ctx context.Context, in *approvalIn) (*body[Approved], error) {
		out, err := s.backend.Approve(ctx, in.RawBody)
		if err != nil {
			return nil, s.asProblem(err, "")
		}
		return &body[Approved]{out}, nil
	})
}
