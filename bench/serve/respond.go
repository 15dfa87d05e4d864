package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/halfstep-ml/halfstep/kernels"
)

// problem is an error as a client sees it.
type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`

	status int
	header http.Header // added to the answer; nil for none
}

func (p *problem) Error() string { return p.Code + ": " + p.Message }

func newProblem(status int, code, format string, args ...any) *problem {
	return &problem{Code: code, Message: fmt.Sprintf(format, args...), status: status}
}

func badParameter(format string, args ...any) error {
	return newProblem(http.StatusBadRequest, "bad_parameter", format, args...)
}

func unknownUser(format string, args ...any) error {
	return newProblem(http.StatusNotFound, "unknown_user", format, args...)
}

func unknownItem(format string, args ...any) error {
	return newProblem(http.StatusNotFound, "unknown_item", format, args...)
}

// comeBack asks the client to try again after a second.
func (p *problem) comeBack() *problem {
	p.header = http.Header{"Retry-After": {"1"}}
	return p
}

var (
	errNotReady = newProblem(http.StatusServiceUnavailable, "not_ready", "there is no model to ask at the moment").comeBack()
	errTooMany  = newProblem(http.StatusTooManyRequests, "too_many_requests", "too many requests at once").comeBack()
	errTimeout  = newProblem(http.StatusServiceUnavailable, "timeout", "the request took too long").comeBack()
	errInternal = newProblem(http.StatusInternalServerError, "internal", "internal error")
	errPath     = newProblem(http.StatusNotFound, "not_found", "there is no such path")
	errOrigin   = newProblem(http.StatusForbidden, "cross_origin", "the request comes from a page of another origin")

	// errGone stands for a client that closed its connection; nobody reads it. 499
	// is what nginx logs for one.
	errGone = newProblem(499, "client_gone", "the client closed the connection")
)

// wrongMethod is the answer to any method but the one that is allowed.
func wrongMethod(allowed string) *problem {
	p := newProblem(http.StatusMethodNotAllowed, "method_not_allowed", "the method is %s", allowed)
	p.header = http.Header{"Allow": {allowed}}
	return p
}

// problemOf turns an error of a handler into the answer to the client.
func (s *Server) problemOf(r *http.Request, err error) *problem {
	var p *problem
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &tooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, "body_too_large", "the body has more than %d bytes", tooLarge.Limit)
	case r.Context().Err() != nil:
		return errGone
	case errors.Is(err, context.DeadlineExceeded):
		return errTimeout
	}
	s.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	if errors.Is(err, kernels.ErrDeviceLost) {
		s.deviceLost(err)
	}
	return errInternal
}

// handler answers a request with a status and a body for JSON, or fails.
type handler func(r *http.Request) (status int, body any, err error)

// respond makes an http.Handler of h that is measured under the name of its route.
func (s *Server) respond(route string, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		status, body, err := h(r)
		if err != nil {
			p := s.problemOf(r, err)
			status, body = p.status, map[string]*problem{"error": p}
			for name, values := range p.header {
				w.Header()[name] = values
			}
		}
		writeJSON(w, status, body)
		s.metrics.answered(route, status, time.Since(start))
		s.log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", status,
			"seconds", time.Since(start).Seconds())
	})
}

// writeJSON writes an answer. A client that is gone is no error of the service.
func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // the bodies of this package hold nothing that JSON cannot
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}

// limited puts a question to the model within Limits.Concurrent and
// Limits.Timeout.
func (s *Server) limited(h handler) handler {
	return func(r *http.Request) (int, any, error) {
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		default:
			return 0, nil, errTooMany
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.config.Limits.Timeout)
		defer cancel()
		// problemOf tells the timeout from a client that is gone by the context of
		// the request, which has no deadline of ours.
		return h(r.WithContext(ctx))
	}
}
