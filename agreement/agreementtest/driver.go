package agreementtest

import (
	"errors"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
)

// A Driver plays one participant: it performs the machine's effects into lists that a test looks at, with a vote log
// that survives Restart. The other members are played by the test (Vote, Propose, Change).
type Driver struct {
	T       testing.TB
	Config  agreement.Config
	Machine *agreement.Machine

	Log       [][]byte // the vote log
	FailLog   bool     // the disk refuses to write
	Err       error    // of the last Perform
	Sent      []*agreement.Message
	Replies   []agreement.Send
	Builds    []agreement.Build
	Questions []agreement.Validate
	Timers    []agreement.SetTimer
	Views     []agreement.EnterView
	Decisions []agreement.Decide
	Evidence  []agreement.Evidence
	Doubles   []agreement.Vote

	// AutoValid answers every Validate at once with valid.
	AutoValid bool
	// dead: the log could not be written, and nothing may be performed any more.
	dead bool
}

// NewDriver makes a participant of a committee; change is applied to its configuration first.
func NewDriver(t testing.TB, members []network.Member, self int, change ...func(*agreement.Config)) *Driver {
	t.Helper()
	d := &Driver{T: t, AutoValid: true, Config: Config(members, self)}
	for _, c := range change {
		c(&d.Config)
	}
	m, err := agreement.New(d.Config, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Machine = m
	return d
}

// Config is the configuration of a member in tests, of instance (0, 1, 0).
func Config(members []network.Member, self int) agreement.Config {
	c := agreement.Config{
		Network: Network(), Instance: ledger.Instance{Height: 1}, Members: members, Order: InOrder(len(members)), Self: self,
		Verify: Verify, Parse: Parse, Timing: agreement.DefaultTiming(), MaxBatchBytes: 32 << 20,
	}
	if self != agreement.Observer {
		key := members[self].Key
		c.Sign = func(b []byte) intent.Signature { return Sign(key, b) }
	}
	return c
}

// Restart makes a new machine from the vote log.
func (d *Driver) Restart() {
	d.T.Helper()
	r, err := agreement.Restore(d.Log, d.Config.Instance)
	if err != nil {
		d.T.Fatal(err)
	}
	m, err := agreement.New(d.Config, r)
	if err != nil {
		d.T.Fatal(err)
	}
	d.Machine, d.dead = m, false
	if m.Voted() {
		d.Start()
	}
}

// Start starts the round.
func (d *Driver) Start() { d.do(d.Machine.Start()) }

// Receive hands a message over, through the codec, and returns the machine's error.
func (d *Driver) Receive(m *agreement.Message) error {
	d.T.Helper()
	decoded, err := agreement.DecodeMessage(m.Encode())
	if err != nil {
		d.T.Fatalf("message does not survive its encoding: %v", err)
	}
	effects, err := d.Machine.Receive(decoded, 0)
	d.do(effects)
	return err
}

// Fire fires the newest view timer.
func (d *Driver) Fire() { d.fire(agreement.ViewTimer) }

// Repeat fires the newest repeat timer.
func (d *Driver) Repeat() { d.fire(agreement.RepeatTimer) }

func (d *Driver) fire(kind agreement.TimerKind) {
	d.T.Helper()
	for i := len(d.Timers) - 1; i >= 0; i-- {
		if d.Timers[i].Timer.Kind == kind {
			d.do(d.Machine.Fired(d.Timers[i].Timer))
			return
		}
	}
	d.T.Fatal("no such timer was set")
}

// Built answers a Build.
func (d *Driver) Built(h *Header) {
	d.T.Helper()
	effects, err := d.Machine.Built(h.View, h.Body())
	if err != nil {
		d.T.Fatal(err)
	}
	d.do(effects)
}

// Answer answers the oldest open question.
func (d *Driver) Answer(verdict error) {
	d.T.Helper()
	if len(d.Questions) == 0 {
		d.T.Fatal("no question is open")
	}
	q := d.Questions[0]
	d.Questions = d.Questions[1:]
	d.do(d.Machine.Validated(q.View, q.Header.Digest, verdict))
}

func (d *Driver) do(effects []agreement.Effect) {
	if d.dead {
		return
	}
	d.Err = agreement.Perform(d, effects)
	d.dead = errors.Is(d.Err, agreement.ErrLog)
	for d.AutoValid && len(d.Questions) > 0 && !d.dead {
		q := d.Questions[0]
		d.Questions = d.Questions[1:]
		d.do(d.Machine.Validated(q.View, q.Header.Digest, nil))
	}
}

// Last is the newest message of a kind that was broadcast, or nil.
func (d *Driver) Last(kind agreement.Kind) *agreement.Message {
	for i := len(d.Sent) - 1; i >= 0; i-- {
		if d.Sent[i].Kind == kind {
			return d.Sent[i]
		}
	}
	return nil
}

// Count is how many messages of a kind and view were broadcast, repetitions included.
func (d *Driver) Count(kind agreement.Kind, view uint32) int {
	n := 0
	for _, m := range d.Sent {
		if m.Kind == kind && m.View == view {
			n++
		}
	}
	return n
}

// The agreement.Host.

func (d *Driver) Persist(record []byte) error {
	if d.FailLog {
		return errors.New("disk full")
	}
	d.Log = append(d.Log, record)
	return nil
}
func (d *Driver) Broadcast(m *agreement.Message) { d.Sent = append(d.Sent, m) }
func (d *Driver) Send(to intent.Key, m *agreement.Message) {
	d.Replies = append(d.Replies, agreement.Send{To: to, Message: m})
}
func (d *Driver) Build(e agreement.Build)       { d.Builds = append(d.Builds, e) }
func (d *Driver) Validate(e agreement.Validate) { d.Questions = append(d.Questions, e) }
func (d *Driver) SetTimer(t agreement.Timer, after time.Duration) {
	d.Timers = append(d.Timers, agreement.SetTimer{Timer: t, After: after})
}
func (d *Driver) EnterView(e agreement.EnterView) { d.Views = append(d.Views, e) }
func (d *Driver) Decide(e agreement.Decide)       { d.Decisions = append(d.Decisions, e) }
func (d *Driver) Report(e agreement.Evidence)     { d.Evidence = append(d.Evidence, e) }
func (d *Driver) Duplicate(v agreement.Vote)      { d.Doubles = append(d.Doubles, v) }

// A Signer casts votes for a member that the test plays.
type Signer struct {
	Key      intent.Key
	Instance ledger.Instance
}

// Signers are the members as the test plays them, in instance (0, 1, 0).
func Signers(members []network.Member) []Signer {
	out := make([]Signer, len(members))
	for i := range members {
		out[i] = Signer{Key: members[i].Key, Instance: ledger.Instance{Height: 1}}
	}
	return out
}

func (s Signer) sign(v agreement.Vote) agreement.Vote {
	v.Instance, v.From = s.Instance, s.Key
	v.Sig = Sign(s.Key, v.SigningBytes(Network()))
	return v
}

// Vote is a PREPARE or COMMIT.
func (s Signer) Vote(kind agreement.Kind, view uint32, digest intent.Hash) *agreement.Message {
	return &agreement.Message{Vote: s.sign(agreement.Vote{Kind: kind, View: view, Digest: digest})}
}

// Change is a ROUND-CHANGE, with a lock if there is a certificate.
func (s Signer) Change(view uint32, h *Header, cert *agreement.PreparedCertificate) *agreement.Message {
	v := agreement.Vote{Kind: agreement.RoundChange, View: view}
	m := &agreement.Message{}
	if cert != nil {
		v.Locked, v.LockView, v.Digest = true, cert.View, cert.Digest
		m.Body, m.Prepared = h.Body(), cert
	}
	m.Vote = s.sign(v)
	return m
}

// Propose is a PROPOSE with the votes of these round changes.
func (s Signer) Propose(view uint32, h *Header, cert *agreement.PreparedCertificate, changes ...*agreement.Message) *agreement.Message {
	m := &agreement.Message{
		Vote: s.sign(agreement.Vote{Kind: agreement.Propose, View: view, Digest: h.Digest()}), Body: h.Body(), Prepared: cert,
	}
	for _, c := range changes {
		m.Changes = append(m.Changes, c.Vote)
	}
	return m
}

// Prepared is a prepared certificate by these members.
func Prepared(view uint32, digest intent.Hash, by ...Signer) *agreement.PreparedCertificate {
	c := &agreement.PreparedCertificate{View: view, Digest: digest}
	for _, s := range by {
		v := s.Vote(agreement.Prepare, view, digest)
		c.Signatures = append(c.Signatures, ledger.MemberSignature{Member: s.Key, Sig: v.Sig})
	}
	return c
}

// Fresh is a header that a member proposes freely.
func (s Signer) Fresh(view uint32, content uint64) *Header {
	return &Header{Instance: s.Instance, View: view, Leader: s.Key, Content: content}
}
