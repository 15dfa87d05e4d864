package serve

import (
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// defaultN is the number of items of an answer where the client names none.
const defaultN = 10

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	add := func(method, path string, h handler) {
		mux.Handle(method+" "+path, s.respond(path, h))
		mux.Handle(path, s.respond(path, func(*http.Request) (int, any, error) { return 0, nil, wrongMethod(method) }))
	}
	add(http.MethodGet, "/v1/users/{id}/recommendations", s.limited(s.recommendations))
	add(http.MethodGet, "/v1/items/{id}/similar", s.limited(s.similar))
	add(http.MethodGet, "/v1/users/{id}/explanations/{item}", s.limited(s.explanation))
	add(http.MethodPost, "/v1/retrain", s.limited(s.retrain))
	add(http.MethodGet, "/healthz", s.health)
	add(http.MethodGet, "/readyz", s.ready)
	mux.Handle("GET /metrics", s.metrics.handler())
	mux.Handle("/metrics", s.respond("/metrics", func(*http.Request) (int, any, error) { return 0, nil, wrongMethod(http.MethodGet) }))
	mux.Handle("/", s.respond("other", func(*http.Request) (int, any, error) { return 0, nil, errPath }))

	origins := http.NewCrossOriginProtection()
	origins.SetDenyHandler(s.respond("other", func(*http.Request) (int, any, error) { return 0, nil, errOrigin }))
	return origins.Handler(mux)
}

// status is an answer that says only that.
type status struct {
	Status string `json:"status"`
}

// retrain asks for a training. One that is under way may have loaded its ratings
// before the request, so another follows it; requests until that one begins share
// it.
func (s *Server) retrain(r *http.Request) (int, any, error) {
	if _, err := query(r); err != nil {
		return 0, nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, s.config.Limits.BodyBytes))
	if err != nil {
		return 0, nil, err
	}
	if len(body) > 0 {
		return 0, nil, badParameter("the request has no body")
	}
	if s.current.Load() == nil || s.stopping.Load() {
		return 0, nil, errNotReady
	}
	select {
	case s.wanted <- struct{}{}:
	default:
	}
	return http.StatusAccepted, status{"accepted"}, nil
}

func (s *Server) health(*http.Request) (int, any, error) {
	return http.StatusOK, status{"ok"}, nil
}

func (s *Server) ready(*http.Request) (int, any, error) {
	if s.current.Load() == nil || s.stopping.Load() {
		return 0, nil, errNotReady
	}
	return http.StatusOK, status{"ready"}, nil
}

// pathID is an id in the path.
func pathID(r *http.Request, name string) (int64, error) {
	text := r.PathValue(name)
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, badParameter("%s is %.40q, want an integer of 64 bits", name, text)
	}
	return id, nil
}

// query is the query parameters, of which each may be given once and no other than
// those named.
func query(r *http.Request, names ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badParameter("the query cannot be read: %v", err)
	}
	for name, values := range q {
		if !slices.Contains(names, name) {
			return nil, badParameter("there is no parameter %.40q", name)
		}
		if len(values) > 1 {
			return nil, badParameter("the parameter %s is given %d times", name, len(values))
		}
	}
	return q, nil
}

// countOf is the parameter n, how many items are wanted.
func (s *Server) countOf(q url.Values) (int, error) {
	most := s.config.Limits.N
	if !q.Has("n") {
		return min(defaultN, most), nil
	}
	n, err := strconv.ParseInt(q.Get("n"), 10, 64)
	if err != nil || n < 1 || n > int64(most) || n > math.MaxInt32 {
		return 0, badParameter("n is %.40q, want 1 to %d", q.Get("n"), most)
	}
	return int(n), nil
}

func boolOf(q url.Values, name string, byDefault bool) (bool, error) {
	if !q.Has(name) {
		return byDefault, nil
	}
	switch q.Get(name) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, badParameter("%s is %.40q, want true or false", name, q.Get(name))
}
