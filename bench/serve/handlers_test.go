package serve_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/serve"
)

// TestRecommendations compares the answers with those of a Recommender on the
// same ratings: training gives the same bits again.
func TestRecommendations(t *testing.T) {
	c := config(t)
	s := start(t, c).ready()
	ratings, err := load(t.Context(), shape)
	require.NoError(t, err)
	model, err := als.Train(t.Context(), c.Device, ratings, c.Train)
	require.NoError(t, err)
	direct, err := als.NewRecommender(c.Device, model, als.WithSeen(ratings))
	require.NoError(t, err)
	defer direct.Close()
	users, err := als.IndexOf[int64](ratings.UserIDs())
	require.NoError(t, err)
	items, err := als.IndexOf[int64](ratings.ItemIDs())
	require.NoError(t, err)

	for _, ask := range []struct {
		query string
		n     int
		opts  []als.RecommendOption
	}{
		{"", 10, nil},
		{"?n=1", 1, nil},
		{"?n=100&exclude_seen=true", 100, nil},
		{"?exclude_seen=false&n=25", 25, []als.RecommendOption{als.IncludeSeen()}},
	} {
		for row, id := range users.All() {
			got := s.get(fmt.Sprintf("/v1/users/%d/recommendations%s", id, ask.query)).list(t)
			want, err := direct.Recommend(t.Context(), row, ask.n, ask.opts...)
			require.NoError(t, err)
			require.Equal(t, id, got.User)
			require.Equal(t, int64(1), got.Model)
			require.Len(t, got.Items, len(want), "user %d %s", id, ask.query)
			for j, w := range want {
				require.Equal(t, items.Key(w.Item), got.Items[j].Item, "user %d %s", id, ask.query)
				require.Equal(t, w.Score, float32(got.Items[j].Score), "user %d %s", id, ask.query)
			}
		}
	}
}

// TestSimilar compares the answers with cosines of the factors of the same model.
func TestSimilar(t *testing.T) {
	c := config(t)
	s := start(t, c).ready()
	model, items := trainedOn(t, c)
	cosine := func(i, j int) float64 {
		var ij, ii, jj float64
		for k, v := range model.ItemFactors(i) {
			w := model.ItemFactors(j)[k]
			ij, ii, jj = ij+float64(v)*float64(w), ii+float64(v)*float64(v), jj+float64(w)*float64(w)
		}
		return ij / math.Sqrt(ii*jj)
	}
	for row, id := range items.All() {
		got := s.get(fmt.Sprintf("/v1/items/%d/similar?n=7", id)).list(t)
		require.Equal(t, id, got.Item)
		require.Equal(t, int64(1), got.Model)
		require.Len(t, got.Items, 7)
		var all []float64
		for other := range items.Len() {
			if other != row {
				all = append(all, cosine(row, other))
			}
		}
		slices.SortFunc(all, func(a, b float64) int { return cmp.Compare(b, a) })
		for j, g := range got.Items {
			other, ok := items.Row(g.Item)
			require.True(t, ok)
			require.NotEqual(t, row, other)
			require.InDelta(t, cosine(row, other), g.Score, 1e-5)
			require.InDelta(t, all[j], g.Score, 1e-5, "the nearest come first")
		}
	}
}

// TestExplanation: the parts are ratings of the user, the largest come first, and
// all adds up to the score, however many parts are asked for.
func TestExplanation(t *testing.T) {
	c := config(t)
	c.Train.Biases = true
	s := start(t, c).ready()
	model, items := trainedOn(t, c)
	ratings, err := load(t.Context(), shape)
	require.NoError(t, err)
	users, err := als.IndexOf[int64](ratings.UserIDs())
	require.NoError(t, err)
	for _, ask := range []struct {
		query string
		n     int
	}{{"", 10}, {"?n=1", 1}, {"?n=100", 100}} {
		for row, id := range users.All() {
			item := items.Key(row % items.Len())
			a := s.get(fmt.Sprintf("/v1/users/%d/explanations/%d%s", id, item, ask.query))
			require.Equal(t, http.StatusOK, a.status, a.body)
			var got struct {
				User, Item, Model        int64
				Score, Mean, Prior, Rest float64
				ItemBias                 float64 `json:"item_bias"`
				Parts                    []struct {
					Item   int64
					Rating float32
					Value  float64
				}
			}
			decode(t, a.body, &got)
			require.Equal(t, []int64{id, item, 1}, []int64{got.User, got.Item, got.Model})
			require.InDelta(t, model.Mean(), got.Mean, 1e-9)
			require.InDelta(t, model.ItemBias(row%items.Len()), got.ItemBias, 1e-9)
			rated, values := ratings.User(row)
			require.Len(t, got.Parts, min(ask.n, len(rated)))
			sum, last := got.Mean+got.ItemBias+got.Prior+got.Rest, math.Inf(1)
			for _, p := range got.Parts {
				rowOfItem, _ := items.Row(p.Item)
				at := slices.Index(rated, int32(rowOfItem))
				require.NotEqual(t, -1, at, "a part is a rating of the user")
				require.Equal(t, values[at], p.Rating)
				require.LessOrEqual(t, math.Abs(p.Value), last)
				last = math.Abs(p.Value)
				sum += p.Value
			}
			require.InDelta(t, got.Score, sum, 1e-9)
			require.Equal(t, len(rated) > ask.n, got.Rest != 0)
		}
	}
}

// trainedOn is the model that a service of the configuration trains, and its items.
func trainedOn(t *testing.T, c serve.Config) (*als.Model, *als.Index[int64]) {
	t.Helper()
	ratings, err := c.Load(t.Context())
	require.NoError(t, err)
	model, err := als.Train(t.Context(), c.Device, ratings, c.Train)
	require.NoError(t, err)
	items, err := als.IndexOf[int64](model.ItemIDs())
	require.NoError(t, err)
	return model, items
}

// TestErrors holds every error to its status and code.
func TestErrors(t *testing.T) {
	c := config(t)
	c.Limits.N = 50
	s := start(t, c).ready()
	const unknown = 1 << 40
	for _, ask := range []struct {
		method, path, body string
		status             int
		code               string
		mention            string // part of the message
	}{
		{"GET", fmt.Sprintf("/v1/users/%d/recommendations", int64(unknown)), "", 404, "unknown_user", fmt.Sprint(int64(unknown))},
		{"GET", "/v1/users/-1/recommendations", "", 404, "unknown_user", "-1"},
		{"GET", "/v1/users/ann/recommendations", "", 400, "bad_parameter", `"ann"`},
		{"GET", "/v1/users/1.5/recommendations", "", 400, "bad_parameter", `"1.5"`},
		{"GET", "/v1/users/9223372036854775808/recommendations", "", 400, "bad_parameter", "64 bits"},
		{"GET", "/v1/users/" + strings.Repeat("9", 3000) + "/recommendations", "", 400, "bad_parameter", "64 bits"},
		{"GET", "/v1/users/1/recommendations?n=0", "", 400, "bad_parameter", "1 to 50"},
		{"GET", "/v1/users/1/recommendations?n=51", "", 400, "bad_parameter", "1 to 50"},
		{"GET", "/v1/users/1/recommendations?n=-3", "", 400, "bad_parameter", "1 to 50"},
		{"GET", "/v1/users/1/recommendations?n=99999999999999999999", "", 400, "bad_parameter", "1 to 50"},
		{"GET", "/v1/users/1/recommendations?n=", "", 400, "bad_parameter", "1 to 50"},
		{"GET", "/v1/users/1/recommendations?n=3&n=4", "", 400, "bad_parameter", "2 times"},
		{"GET", "/v1/users/1/recommendations?N=3", "", 400, "bad_parameter", `"N"`},
		{"GET", "/v1/users/1/recommendations?exclude_seen=maybe", "", 400, "bad_parameter", "true or false"},
		{"GET", "/v1/users/1/recommendations?n=%zz", "", 400, "bad_parameter", "query"},
		{"GET", fmt.Sprintf("/v1/items/%d/similar", int64(unknown)), "", 404, "unknown_item", fmt.Sprint(int64(unknown))},
		{"GET", "/v1/items/ann/similar", "", 400, "bad_parameter", `"ann"`},
		{"GET", "/v1/items/1/similar?n=51", "", 400, "bad_parameter", "1 to 50"},
		{"GET", "/v1/items/1/similar?exclude_seen=true", "", 400, "bad_parameter", `"exclude_seen"`},
		{"GET", fmt.Sprintf("/v1/users/%d/explanations/1", int64(unknown)), "", 404, "unknown_user", fmt.Sprint(int64(unknown))},
		{"GET", fmt.Sprintf("/v1/users/1/explanations/%d", int64(unknown)), "", 404, "unknown_item", fmt.Sprint(int64(unknown))},
		{"GET", "/v1/users/ann/explanations/1", "", 400, "bad_parameter", "id"},
		{"GET", "/v1/users/1/explanations/tea", "", 400, "bad_parameter", "item"},
		{"GET", "/v1/users/1/explanations/1?n=0", "", 400, "bad_parameter", "1 to 50"},
		{"POST", "/v1/users/1/explanations/1", "", 405, "method_not_allowed", "GET"},
		{"POST", "/v1/users/1/recommendations", "", 405, "method_not_allowed", "GET"},
		{"DELETE", "/v1/retrain", "", 405, "method_not_allowed", "POST"},
		{"GET", "/v1/retrain", "", 405, "method_not_allowed", "POST"},
		{"POST", "/metrics", "", 405, "method_not_allowed", "GET"},
		{"POST", "/v1/retrain?when=now", "", 400, "bad_parameter", `"when"`},
		{"POST", "/v1/retrain", "{}", 400, "bad_parameter", "no body"},
		{"POST", "/v1/retrain", strings.Repeat("x", 4<<10+1), 413, "body_too_large", "4096 bytes"},
		{"GET", "/v1/users//recommendations", "", 404, "not_found", "path"},
		{"GET", "/", "", 404, "not_found", "path"},
		{"GET", "/v2/users/1/recommendations", "", 404, "not_found", "path"},
	} {
		a := s.do(ask.method, ask.path, ask.body)
		name := fmt.Sprintf("%s %.60s", ask.method, ask.path)
		require.Equal(t, ask.status, a.status, "%s: %s", name, a.body)
		code, message := a.problem(t)
		require.Equal(t, ask.code, code, name)
		require.Contains(t, message, ask.mention, name)
		require.Less(t, len(a.body), 300, "an error does not repeat what it was sent")
		if a.status == http.StatusMethodNotAllowed {
			require.Equal(t, ask.mention, a.header.Get("Allow"), name)
		}
	}
}

// TestUserWithoutRatings asks about a user and an item that only the indexes know.
func TestUserWithoutRatings(t *testing.T) {
	c := config(t)
	c.Load = func(context.Context) (*als.Ratings, error) {
		b := als.NewBuilder[int64, int64]()
		var err error
		if b.Users, err = als.NewIndex[int64](70, 71); err != nil {
			return nil, err
		}
		for item := range int64(5) {
			if err := b.Add(70, item, float32(item)); err != nil {
				return nil, err
			}
			if err := b.Add(72, item, float32(5-item)); err != nil {
				return nil, err
			}
		}
		return b.Ratings(t.Context())
	}
	s := start(t, c).ready()
	a := s.get("/v1/users/71/recommendations")
	require.Equal(t, 404, a.status)
	code, message := a.problem(t)
	require.Equal(t, "unknown_user", code)
	require.Contains(t, message, "71 has no ratings")

	require.Empty(t, s.get("/v1/users/72/recommendations").list(t).Items, "the user has seen everything")
	require.Contains(t, s.get("/v1/users/72/recommendations").body, `"items":[]`)
	require.Len(t, s.get("/v1/users/72/recommendations?exclude_seen=false").list(t).Items, 5)
}

// TestCrossOrigin: a page of another site that a browser shows may not start a
// training.
func TestCrossOrigin(t *testing.T) {
	s := start(t, config(t)).ready()
	r, err := http.NewRequest(http.MethodPost, s.url+"/v1/retrain", nil)
	require.NoError(t, err)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	response, err := s.client.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusForbidden, response.StatusCode)
	require.Equal(t, http.StatusAccepted, s.do(http.MethodPost, "/v1/retrain", "").status)
}

// TestMetrics reads the text that Prometheus reads.
func TestMetrics(t *testing.T) {
	s := start(t, config(t)).ready()
	users := []int64{1, 2, 3}
	for _, id := range users {
		s.get(fmt.Sprintf("/v1/users/%d/recommendations", id))
	}
	s.get("/v1/users/1/recommendations?n=0")
	a := s.get("/metrics")
	require.Equal(t, http.StatusOK, a.status)
	require.Contains(t, a.header.Get("Content-Type"), "text/plain")
	lines := strings.Split(a.body, "\n")
	for _, line := range []string{
		`halfstep_requests_total{code="200",route="/v1/users/{id}/recommendations"} 3`,
		`halfstep_requests_total{code="400",route="/v1/users/{id}/recommendations"} 1`,
		`halfstep_request_seconds_count{route="/v1/users/{id}/recommendations"} 4`,
		`halfstep_requests_in_flight 0`,
		`halfstep_trainings_total{result="ok"} 1`,
		`halfstep_trainings_total{result="failed"} 0`,
		`halfstep_training_seconds_count 1`,
		`halfstep_model_generation 1`,
		`halfstep_model_users 120`,
	} {
		require.True(t, slices.Contains(lines, line), "%s is not in\n%s", line, a.body)
	}
	require.Regexp(t, `(?m)^halfstep_device_memory_bytes [1-9]`, a.body)
	require.Regexp(t, `(?m)^halfstep_model_trained_timestamp_seconds 1\.`, a.body)
	require.Contains(t, a.body, "go_goroutines ")
}
