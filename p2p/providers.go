package p2p

import (
	"container/list"
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
)

// maxProviderRecords bounds the DHT's records of who has a block, in memory. Anybody may hand in as many as it likes, under any
// key, and the library keeps them for two days. 50,000 are some 20 MB; a node that has more blocks is found by its others, and
// nodes ask those to whom they are connected before they ask the DHT.
const maxProviderRecords = 50_000

// providers is the datastore of provider records: /providers/<block>/<peer>. It is bounded, and whoever has handed in most
// makes room. What a block's providers are is found without looking at all records.
type providers struct {
	most int

	mu     sync.Mutex
	all    int
	blocks map[string]map[string]*list.Element // by block and peer, of record
	peers  map[string]*list.List               // the newest first
}

type record struct {
	block, who string
	key        datastore.Key
	value      []byte
}

func newProviders(most int) *providers {
	return &providers{most: most, blocks: map[string]map[string]*list.Element{}, peers: map[string]*list.List{}}
}

// parts takes a key apart: what lies directly under the prefix is a block, below it are peers.
func parts(key datastore.Key) (block, who string) {
	names := key.Namespaces()
	if len(names) < 2 {
		return "", ""
	}
	return names[1], strings.Join(names[2:], "/")
}

func (s *providers) find(key datastore.Key) (record, bool) {
	block, who := parts(key)
	e, ok := s.blocks[block][who]
	if !ok {
		return record{}, false
	}
	return e.Value.(record), true
}

// Put keeps a record.
func (s *providers) Put(_ context.Context, key datastore.Key, value []byte) error {
	block, who := parts(key)
	if who == "" {
		return fmt.Errorf("p2p: %s is no key of a provider record", key)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(block, who)
	for s.all >= s.most {
		oldest := s.largest().Back().Value.(record)
		s.drop(oldest.block, oldest.who)
	}
	if s.peers[who] == nil {
		s.peers[who] = list.New()
	}
	if s.blocks[block] == nil {
		s.blocks[block] = map[string]*list.Element{}
	}
	s.blocks[block][who] = s.peers[who].PushFront(record{block, who, key, value})
	s.all++
	return nil
}

// largest is the list of whoever has handed in most. There is a record when it is called.
func (s *providers) largest() *list.List {
	var most *list.List
	for _, l := range s.peers {
		if most == nil || l.Len() > most.Len() {
			most = l
		}
	}
	return most
}

func (s *providers) drop(block, who string) {
	e, ok := s.blocks[block][who]
	if !ok {
		return
	}
	s.all--
	if s.peers[who].Remove(e); s.peers[who].Len() == 0 {
		delete(s.peers, who)
	}
	if delete(s.blocks[block], who); len(s.blocks[block]) == 0 {
		delete(s.blocks, block)
	}
}

// Delete forgets a record.
func (s *providers) Delete(_ context.Context, key datastore.Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(parts(key))
	return nil
}

// Get gives a record's value.
func (s *providers) Get(_ context.Context, key datastore.Key) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.find(key); ok {
		return r.value, nil
	}
	return nil, datastore.ErrNotFound
}

// Has says whether there is a record.
func (s *providers) Has(_ context.Context, key datastore.Key) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.find(key)
	return ok, nil
}

// GetSize is the size of a record's value.
func (s *providers) GetSize(ctx context.Context, key datastore.Key) (int, error) {
	v, err := s.Get(ctx, key)
	return len(v), err
}

// Query lists the records of one block, or all.
func (s *providers) Query(_ context.Context, q query.Query) (query.Results, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []query.Entry
	gather := func(of map[string]*list.Element) {
		for _, e := range of {
			r := e.Value.(record)
			out = append(out, query.Entry{Key: r.key.String(), Value: r.value, Size: len(r.value)})
		}
	}
	if block, _ := parts(datastore.NewKey(q.Prefix)); block != "" {
		gather(s.blocks[block])
	} else {
		for _, of := range s.blocks {
			gather(of)
		}
	}
	return query.NaiveQueryApply(q, query.ResultsWithEntries(q, out)), nil
}

// Batch gathers writes.
func (s *providers) Batch(context.Context) (datastore.Batch, error) {
	return datastore.NewBasicBatch(s), nil
}

// Sync has nothing to do: the records are in memory.
func (s *providers) Sync(context.Context, datastore.Key) error { return nil }

// Close has nothing to do.
func (s *providers) Close() error { return nil }
