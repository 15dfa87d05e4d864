package als

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/halfstep-ml/halfstep/kernels"
)

// rankingEvaluation is the state of one call of EvaluateRanking.
type rankingEvaluation struct {
	model   *Model
	options rankingOptions
	heldOut heldOut

	dev    kernels.Device
	stream kernels.Stream
	items  kernels.Matrix          // items×width: factors and, with biases, the bias
	allow  kernels.Buffer[uint32]  // bitmap of the items with ratings in training
	users  kernels.Buffer[float32] // of a block: lists×width, factors and, with biases, a 1
	ids    kernels.Buffer[int32]   // of a block: lists×k
	scores kernels.Buffer[float32] // of a block: lists×k, then lists×items; or one a candidate

	hostUsers  []float32
	hostIDs    []int32
	hostScores []float32

	// A block has rows lists, at most maxRows. The result does not depend on it.
	rows, maxRows int

	result    Ranking // sums over the users
	aucWeight float64 // the users with an AUC: who rated all but what is relevant has none
	bestPlace []int32 // of each item in any list, from 0; the number of items if in none
}

func newRankingEvaluation(m *Model, train, test *Ratings, o rankingOptions) *rankingEvaluation {
	e := &rankingEvaluation{model: m, options: o}
	e.heldOut = heldOut{
		model: m, train: train, test: test, known: knownItems(m),
		relevant: o.relevant, negatives: o.negatives, seed: o.seed,
	}
	for _, k := range o.cutoffs {
		e.result.At = append(e.result.At, RankingAt{ListMetrics: ListMetrics{K: k}})
	}
	e.bestPlace = make([]int32, m.Items())
	for i := range e.bestPlace {
		e.bestPlace[i] = int32(m.Items())
	}
	e.setRows()
	return e
}

// setRows sets the size of the first block, by operations, and of the largest, by
// the memory of its scores.
func (e *rankingEvaluation) setRows() {
	width := e.model.config.width()
	candidates := e.model.Items()
	scores := e.length()
	if e.options.negatives > 0 {
		candidates = min(candidates, e.options.negatives+1)
		scores = candidates
	} else if e.options.auc {
		scores = candidates
	}
	e.maxRows = max(1, evaluationChunk/max(scores, width))
	e.rows = max(1, min(e.maxRows, int(firstChunkOps/(2*float64(candidates)*float64(width)))))
	if e.options.rows > 0 {
		e.rows, e.maxRows = e.options.rows, e.options.rows
	}
}

// length is that of the lists.
func (e *rankingEvaluation) length() int {
	return min(e.options.cutoffs[len(e.options.cutoffs)-1], e.model.Items())
}

func (e *rankingEvaluation) run(ctx context.Context, dev kernels.Device) (err error) {
	e.dev = dev
	if e.stream, err = dev.NewStream(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.free()) }()
	if err := e.uploadItems(); err != nil {
		return err
	}
	var block []rankedList
	for list := range e.heldOut.lists(&e.result) {
		block = append(block, list)
		if len(block) < e.rows {
			continue
		}
		if err := e.rankBlock(ctx, block); err != nil {
			return err
		}
		block = block[:0]
	}
	return e.rankBlock(ctx, block)
}

func (e *rankingEvaluation) free() error {
	return errors.Join(e.items.Free(), e.allow.Free(), e.users.Free(), e.ids.Free(), e.scores.Free(), e.stream.Close())
}

func (e *rankingEvaluation) uploadItems() (err error) {
	if e.items, err = kernels.AllocMatrix(e.stream, e.model.Items(), e.model.config.width()); err != nil {
		return err
	}
	if err := kernels.Upload(e.stream, e.items.Buf, e.model.items.packed()); err != nil {
		return err
	}
	trained := trainedItems(e.model)
	if e.allow, err = kernels.AllocBuffer[uint32](e.stream, len(trained)); err != nil {
		return err
	}
	return kernels.Upload(e.stream, e.allow, trained)
}

// rankBlock measures a block of lists, in halves where the device has too little
// memory for the whole, and chooses the size of the next one.
func (e *rankingEvaluation) rankBlock(ctx context.Context, block []rankedList) error {
	if len(block) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	start := time.Now()
	rank := e.rankAll
	if e.options.negatives > 0 {
		rank = e.rankCandidates
	}
	err := rank(block)
	if errors.Is(err, kernels.ErrMemory) && len(block) > 1 {
		half := len(block) / 2
		e.rows, e.maxRows = half, half
		if err := e.rankBlock(ctx, block[:half]); err != nil {
			return err
		}
		return e.rankBlock(ctx, block[half:])
	}
	switch took := time.Since(start); {
	case took < shortChunk:
		e.rows = min(2*e.rows, e.maxRows)
	case took > longChunk:
		e.rows = max(e.rows/2, 1)
	}
	return err
}

// rankAll measures lists of all items that the users have not seen.
func (e *rankingEvaluation) rankAll(block []rankedList) (err error) {
	users, err := e.uploadUsers(block)
	if err != nil {
		return err
	}
	seen, err := e.dev.NewCSR(e.heldOut.seen(block))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, seen.Free()) }()
	k := e.length()
	if err := e.recommend(users, seen, k); err != nil {
		return err
	}
	if e.options.auc {
		if err := e.scoreAll(users); err != nil {
			return err
		}
	}
	var places []int
	for j, list := range block {
		places = places[:0]
		for place, id := range e.hostIDs[j*k:][:k] {
			if id < 0 {
				break
			}
			e.bestPlace[id] = min(e.bestPlace[id], int32(place))
			if _, hit := slices.BinarySearch(list.relevant, id); hit {
				places = append(places, place)
			}
		}
		e.add(list, places)
		if e.options.auc {
			relevant, others := e.heldOut.divide(list, e.hostScores[j*e.items.Rows:][:e.items.Rows])
			e.addAUC(list, relevant, others)
		}
	}
	return nil
}

// uploadUsers brings the factors of a block's users to the device.
func (e *rankingEvaluation) uploadUsers(block []rankedList) (kernels.Matrix, error) {
	width, rank := e.items.Cols, e.model.Rank()
	n := len(block) * width
	e.hostUsers = slices.Grow(e.hostUsers[:0], n)[:n]
	for j, list := range block {
		row := e.hostUsers[j*width:][:width]
		copy(row, e.model.UserFactors(list.user))
		if width > rank {
			row[rank] = 1
		}
	}
	if err := grow(e.stream, &e.users, n); err != nil {
		return kernels.Matrix{}, err
	}
	users := kernels.Matrix{Buf: e.users.Slice(0, n), Rows: len(block), Cols: width, Stride: width}
	return users, kernels.Upload(e.stream, users.Buf, e.hostUsers)
}

// recommend sets hostIDs to the lists of k items of each user.
func (e *rankingEvaluation) recommend(users kernels.Matrix, seen kernels.CSR, k int) error {
	n := users.Rows * k
	if err := grow(e.stream, &e.ids, n); err != nil {
		return err
	}
	if err := grow(e.stream, &e.scores, n); err != nil {
		return err
	}
	ids := e.ids.Slice(0, n)
	top := kernels.Matrix{Buf: e.scores.Slice(0, n), Rows: users.Rows, Cols: k, Stride: k}
	if err := e.stream.ScoreTopK(ids, top, users, e.items, seen, e.allow); err != nil {
		return err
	}
	e.hostIDs = slices.Grow(e.hostIDs[:0], n)[:n]
	return kernels.Download(e.stream, e.hostIDs, ids)
}

// scoreAll sets hostScores to the score of each user for each item.
func (e *rankingEvaluation) scoreAll(users kernels.Matrix) error {
	n := users.Rows * e.items.Rows
	if err := grow(e.stream, &e.scores, n); err != nil {
		return err
	}
	scores := kernels.Matrix{Buf: e.scores.Slice(0, n), Rows: users.Rows, Cols: e.items.Rows, Stride: e.items.Rows}
	if err := e.stream.Gemm(kernels.NoTrans, kernels.Transpose, 1, users, e.items, 0, scores); err != nil {
		return err
	}
	return e.downloadScores(scores.Buf)
}

func (e *rankingEvaluation) downloadScores(scores kernels.Buffer[float32]) error {
	e.hostScores = slices.Grow(e.hostScores[:0], scores.N)[:scores.N]
	return kernels.Download(e.stream, e.hostScores, scores)
}

// rankCandidates measures lists of one relevant item among sampled ones.
func (e *rankingEvaluation) rankCandidates(block []rankedList) error {
	if err := e.scoreCandidates(block); err != nil {
		return err
	}
	scores := e.hostScores
	for _, list := range block {
		own := scores[:len(list.candidates)]
		scores = scores[len(own):]
		target, _ := slices.BinarySearch(list.candidates, list.relevant[0])
		place := 0
		for j, s := range own {
			if s > own[target] || s == own[target] && j < target {
				place++
			}
		}
		e.add(list, []int{place})
		if e.options.auc {
			e.addAUC(list, own[target:target+1], slices.Concat(own[:target], own[target+1:]))
		}
	}
	return nil
}

// scoreCandidates sets hostScores to the scores of the candidates of each list.
func (e *rankingEvaluation) scoreCandidates(block []rankedList) (err error) {
	users, err := e.uploadUsers(block)
	if err != nil {
		return err
	}
	pairs, err := e.dev.NewCSR(candidatesOf(block, e.items.Rows))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pairs.Free()) }()
	n := int(pairs.Entries())
	if err := grow(e.stream, &e.scores, n); err != nil {
		return err
	}
	scores := e.scores.Slice(0, n)
	if err := e.stream.Predict(scores, pairs, users, e.items); err != nil {
		return err
	}
	return e.downloadScores(scores)
}

// add counts a list with hits at the given places.
func (e *rankingEvaluation) add(list rankedList, places []int) {
	for c := range e.result.At {
		at := &e.result.At[c]
		at.add(measure(places, len(list.relevant), at.K), list.weight)
	}
}

func (e *rankingEvaluation) addAUC(list rankedList, relevant, others []float32) {
	if len(others) > 0 {
		e.result.AUC += list.weight * AUC(relevant, others)
		e.aucWeight += list.weight
	}
}

// mean turns the sums over the users into means.
func (e *rankingEvaluation) mean() Ranking {
	r := e.result
	for c := range r.At {
		at := &r.At[c]
		sums := at.ListMetrics
		at.ListMetrics = ListMetrics{K: at.K}
		at.add(sums, 1/float64(r.Users))
		at.Coverage = e.coverage(at.K)
	}
	if e.aucWeight > 0 {
		r.AUC /= e.aucWeight
	}
	return r
}

// coverage is the share of known items within the first k places of any list.
// With sampled negatives no place is noted, and it is 0.
func (e *rankingEvaluation) coverage(k int) float64 {
	covered := 0
	for _, place := range e.bestPlace {
		if int(place) < min(k, e.model.Items()) {
			covered++
		}
	}
	return float64(covered) / float64(len(e.heldOut.known))
}
