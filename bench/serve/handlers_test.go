package serve_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
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
		return b.Ratings()
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
