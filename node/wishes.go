package node

import (
	"context"
	"fmt"
	"time"

	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/council"
	"github.com/phantom-paradox/paradox/storage"
)

// wishes is what operators want the committee to become, as rounds ask it.
type wishes struct {
	book  *council.Council
	clock func() time.Time
}

// next are the members that this node would propose now, nil if they stay. waits says that a quorum wants a change.
func (w wishes) next(epoch uint32, members []network.Member) (next []network.Member, waits bool) {
	return w.book.Next(council.Committee{Epoch: epoch, Members: members}, w.clock().Unix())
}

// approves says whether this node's operator has approved exactly these members.
func (w wishes) approves(epoch uint32, members, next []network.Member) bool {
	return w.book.Approves(council.Committee{Epoch: epoch, Members: members}, next, w.clock().Unix())
}

// wishDisk is the council's part of the store.
type wishDisk struct{ bucket *storage.Bucket }

func (d wishDisk) Save(key, value []byte) error { return d.bucket.Set(key, value, storage.Durable) }
func (d wishDisk) Remove(key []byte) error      { return d.bucket.Delete(key, storage.Buffered) }
func (d wishDisk) Load(fn func(key, value []byte) bool) error {
	return d.bucket.Iterate(nil, fn)
}

func (n *Node) openWishes(context.Context) error {
	bucket, err := n.store.Bucket("council")
	if err != nil {
		return err
	}
	book, err := council.Open(n.hash, n.self, wishDisk{bucket})
	if err != nil {
		return fmt.Errorf("opening the approvals: %w", err)
	}
	n.wishes = wishes{book, time.Now}
	return nil
}
