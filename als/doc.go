// Package als factorizes matrices of ratings by alternating least squares and
// recommends from the factors.
//
// A rating r of user u for item i is explained by the dot product of two short
// vectors, the factors x of the user and y of the item. With all y fixed, every x
// is the solution of a small least-squares problem of its own; with all x fixed,
// so is every y. An iteration is these two half-steps. They run on a device of
// package kernels: a CPU, or a GPU where there is one.
//
// # From ratings to recommendations
//
//	dev, err := cpu.Open(kernels.Options{})       // or kernels.OpenFirst
//	defer dev.Close()
//
//	b := als.NewBuilder[string, int64]()          // users and items under any keys
//	err = b.Add("ann", 42, 4.5)                   // …
//	ratings, err := b.Ratings(ctx)
//
//	cfg := als.DefaultConfig()
//	model, err := als.Train(ctx, dev, ratings, cfg)
//	err = als.WriteFile("model.safetensors", model)
//
//	rec, err := als.NewRecommender(dev, model, als.WithSeen(ratings))
//	defer rec.Close()
//	ann, ok := b.Users.Row("ann")
//	top, err := rec.Recommend(ctx, ann, 10)
//
// # What is minimized
//
// Config.Convention says how ratings become a least-squares problem: explicit
// ratings are fitted as they are; the implicit conventions fit the preference for
// what was rated at all, with a confidence, against all that was not. The formulas
// are at kernels.Convention and kernels.Problem, the settings that reproduce other
// systems at Config.
//
// # Serving
//
// A Recommender also recommends to all users or to some (RecommendAll,
// RecommendSubset), finds the users for an item (RecommendUsers) and what is
// similar (SimilarItems, SimilarUsers), tells what a score is made of (Explain), and
// computes the factors of a user who came after training (FoldIn,
// RecommendVector). FoldIn and Update bring new users, items and ratings into a
// model between one training and the next.
//
// # Keys and rows
//
// Models speak of rows, from 0. An Index maps keys of the caller's own to rows; a
// Builder makes one for the users and one for the items. Ratings and models carry
// them along, and IndexOf gives them back typed, also from a model that was read
// from a file.
//
// # How good a model is
//
// Ratings.Split, LeaveOut, LeaveLastOut, SplitByTime and Folds hold ratings out.
// Evaluate compares scores with them; EvaluateRanking looks for them in what is
// recommended, among all items or among sampled ones:
//
//	train, test, err := ratings.LeaveOut(1, seed)
//	model, err := als.Train(ctx, dev, train, cfg)
//	ranking, err := als.EvaluateRanking(ctx, dev, model, train, test, als.WithCutoffs(10, 100))
//
// # What is unknown
//
// A user or item that had no ratings in training has no factors. Asking for it is
// ErrUnknown, it is never recommended, and evaluation leaves it out and counts it.
// There are no made-up scores.
package als
