package ledger

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// A Receipt proves to anyone who has the network file that a committee accepted an intent. Its JSON is the API's.
type Receipt struct {
	ID          intent.ID
	Proof       Proof
	Certificate Certificate
	Epochs      Epochs // the changes of members before it, from the first on
}

// Verify checks the receipt with nothing but the network file, and gives the header that accepted the intent. That the
// height was settled, only the vault shows.
func (r *Receipt) Verify(f *network.File) (*Header, error) {
	members, epoch, err := r.Epochs.Members(f)
	if err != nil {
		return nil, err
	}
	h, err := r.Certificate.Verify(f.Hash(), members)
	if err != nil {
		return nil, err
	}
	if h.Epoch != epoch {
		return nil, fmt.Errorf("%w: its header is of epoch %d, the members known are of %d", ErrCertificate, h.Epoch, epoch)
	}
	if !bytes.Equal(r.Proof.Leaf, AcceptedLeaf(r.ID)) {
		return nil, fmt.Errorf("%w: its leaf is not that of %s", ErrProof, r.ID)
	}
	return h, r.Proof.Verify(h.OutcomeRoot)
}

// jsonHeader is a header for people: digests in hex, keys in base58, event numbers as decimal strings.
type jsonHeader struct {
	Network        intent.Hash      `json:"network"`
	Epoch          uint32           `json:"epoch"`
	Height         uint64           `json:"height"`
	Generation     uint32           `json:"generation"`
	Time           int64            `json:"time"`
	View           uint32           `json:"view"`
	Leader         intent.Key       `json:"leader"`
	VRFOutput      string           `json:"vrf_output"`
	VRFProof       string           `json:"vrf_proof"`
	Previous       string           `json:"previous"`
	Batch          string           `json:"batch"`
	Count          uint64           `json:"count"`
	Bytes          uint64           `json:"bytes"`
	OutcomeRoot    string           `json:"outcome_root"`
	StateDigest    string           `json:"state_digest"`
	CutNumber      string           `json:"cut_number"`
	CutHash        string           `json:"cut_hash"`
	SettlementHead string           `json:"settlement_head"`
	Members        []network.Member `json:"members,omitempty"`
	Digest         string           `json:"digest"`
}

// MarshalJSON is for people; what is signed is the body.
func (h *Header) MarshalJSON() ([]byte, error) {
	return json.Marshal(jsonHeader{
		Network: h.Network, Epoch: h.Epoch, Height: h.Height, Generation: h.Generation, Time: h.Time, View: h.View, Leader: h.Leader,
		VRFOutput: hex.EncodeToString(h.VRFOutput[:]), VRFProof: hex.EncodeToString(h.VRFProof), Previous: h.Previous.Hex(),
		Batch: h.Batch.String(), Count: h.Count, Bytes: h.Bytes, OutcomeRoot: h.OutcomeRoot.Hex(), StateDigest: h.StateDigest.Hex(),
		CutNumber: strconv.FormatUint(h.Cut.Number, 10), CutHash: h.Cut.Hash.Hex(), SettlementHead: h.SettlementHead.Hex(),
		Members: h.Members, Digest: h.Digest().Hex(),
	})
}

type jsonReceipt struct {
	ID          intent.ID       `json:"id"`
	Height      uint64          `json:"height"`
	Leaf        string          `json:"leaf"`
	Index       uint64          `json:"index"`
	Size        uint64          `json:"size"`
	Path        []string        `json:"path"`
	OutcomeRoot string          `json:"outcome_root"`
	Header      json.RawMessage `json:"header"`
	HeaderBody  string          `json:"header_body"`
	Certificate jsonCertificate `json:"certificate"`
	Epochs      []jsonEpoch     `json:"epochs,omitempty"`
}

type jsonCertificate struct {
	View       uint32          `json:"view"`
	Signatures []jsonSignature `json:"signatures"`
}

type jsonSignature struct {
	Member intent.Key       `json:"member"`
	Sig    intent.Signature `json:"sig"`
}

type jsonEpoch struct {
	Members     []network.Member `json:"members"` // that the header makes; its body counts
	HeaderBody  string           `json:"header_body"`
	Certificate jsonCertificate  `json:"certificate"`
}

func (c *Certificate) toJSON() jsonCertificate {
	out := jsonCertificate{View: c.View, Signatures: []jsonSignature{}}
	for _, s := range c.Signatures {
		out.Signatures = append(out.Signatures, jsonSignature(s))
	}
	return out
}

func (j *jsonCertificate) certificate(body string) (Certificate, error) {
	c := Certificate{View: j.View}
	for _, s := range j.Signatures {
		c.Signatures = append(c.Signatures, MemberSignature(s))
	}
	var err error
	if c.Body, err = hex.DecodeString(body); err != nil {
		return c, fmt.Errorf("%w: header_body: %w", ErrEncoding, err)
	}
	return c, nil
}

// MarshalJSON is the proof object of the API.
func (r *Receipt) MarshalJSON() ([]byte, error) {
	h, err := ParseHeader(r.Certificate.Body)
	if err != nil {
		return nil, err
	}
	header, err := h.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encoding a header: %w", err)
	}
	out := jsonReceipt{
		ID: r.ID, Height: h.Height, Leaf: hex.EncodeToString(r.Proof.Leaf), Index: r.Proof.Index, Size: r.Proof.Size, Path: []string{},
		OutcomeRoot: h.OutcomeRoot.Hex(), Header: header, HeaderBody: hex.EncodeToString(r.Certificate.Body), Certificate: r.Certificate.toJSON(),
	}
	for _, p := range r.Proof.Path {
		out.Path = append(out.Path, p.Hex())
	}
	for k := range r.Epochs {
		e, err := ParseHeader(r.Epochs[k].Body)
		if err != nil {
			return nil, err
		}
		out.Epochs = append(out.Epochs, jsonEpoch{Members: e.Members, HeaderBody: hex.EncodeToString(r.Epochs[k].Body), Certificate: r.Epochs[k].toJSON()})
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads the proof object of the API. What the header body says besides (height, header, outcome root,
// members) is not read: Verify takes it from the body.
func (r *Receipt) UnmarshalJSON(b []byte) error {
	var in jsonReceipt
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	leaf, err := hex.DecodeString(in.Leaf)
	if err != nil {
		return fmt.Errorf("%w: leaf: %w", ErrEncoding, err)
	}
	*r = Receipt{ID: in.ID, Proof: Proof{Leaf: leaf, Index: in.Index, Size: in.Size}}
	for _, p := range in.Path {
		h, err := intent.ParseHex(p)
		if err != nil {
			return fmt.Errorf("%w: path: %w", ErrEncoding, err)
		}
		r.Proof.Path = append(r.Proof.Path, h)
	}
	if r.Certificate, err = in.Certificate.certificate(in.HeaderBody); err != nil {
		return err
	}
	for k := range in.Epochs {
		c, err := in.Epochs[k].Certificate.certificate(in.Epochs[k].HeaderBody)
		if err != nil {
			return err
		}
		r.Epochs = append(r.Epochs, c)
	}
	return nil
}
