// Package serve answers recommendations over HTTP from an ALS model that it keeps
// up to date. It demonstrates the library in a service and is made of its public
// API alone.
//
//	server, err := serve.New(serve.Config{
//		Device:    dev,
//		Load:      loadRatings,
//		ModelPath: "model.safetensors",
//		Retrain:   10 * time.Minute,
//	})
//	listener, err := net.Listen("tcp", "127.0.0.1:8080")
//	err = server.Run(ctx, listener) // until ctx ends
//
// # Requests
//
//	GET  /v1/users/{id}/recommendations     the items with the highest scores for a user
//	         ?n=10&exclude_seen=true
//	GET  /v1/items/{id}/similar             the items nearest to an item, by cosine
//	         ?n=10
//	GET  /v1/users/{id}/explanations/{item} what the user's ratings add to a score
//	         ?n=10
//	POST /v1/retrain                        train again as soon as possible
//	GET  /healthz                           200 while the process lives
//	GET  /readyz                            200 while there is a model to ask, else 503
//	GET  /metrics                           Prometheus text format
//
// Ids are those of the ratings, as integers. Answers are JSON and name the
// generation of the model that gave them, counted from 1 since the start. An
// unknown or repeated query parameter is an error, as is a value out of range.
//
// # Errors
//
// Every error, also of paths that do not exist, has the form
//
//	{"error":{"code":"unknown_user","message":"there is no user 7"}}
//
// Programs look at the code:
//
//	status   code                reason
//	400      bad_parameter       an id or query parameter that makes no sense
//	403      cross_origin        a web page of another origin asked for a change
//	404      unknown_user        no such user, or one without ratings
//	404      unknown_item        no such item, or one without ratings
//	404      not_found           no such path
//	405      method_not_allowed  Allow names the method
//	413      body_too_large      see Limits.BodyBytes
//	429      too_many_requests   see Limits.Concurrent; Retry-After says when to come back
//	500      internal            logged with its cause
//	503      not_ready           no model yet, or stopping
//	503      timeout             see Limits.Timeout
//
// A header above Limits.HeaderBytes and a request that is no HTTP are answered by
// net/http, as plain text.
//
// # Models
//
// A training loads the ratings anew, so it learns what came in since the last
// one. The model is saved, then asked: what is served is what is on disk. Requests
// go on while a model is trained, saved and exchanged; a request that met the old
// Recommender closed is put to the new one. A training that fails leaves the old
// model in place, and is logged and counted.
//
// The start serves the model that was saved last and trains one where there is
// none. A file that is no whole model of integer ids ends the start with an error;
// it is never overwritten.
//
// While a model is exchanged, two of them and the ratings of both are in memory.
//
// # Access
//
// There is no authentication. The service belongs behind something that has it.
package serve
