// Package dataset reads MovieLens and makes ratings like them.
//
// A Source can be gone through rating by rating, more than once:
//
//	File       MovieLens 100K, 1M, 10M, 20M, 25M, 32M and latest, or a CSV file
//	           with a header, plain or compressed with gzip
//	Synthetic  ratings in the shape of MovieLens, made from a seed
//
// Load puts one into memory for training, and holds a part out for testing:
//
//	src, err := dataset.Open("ml-1m")
//	if err != nil {
//		return err
//	}
//	data, err := dataset.Load(ctx, src, dataset.WithHoldout(0.2, 1))
//	if err != nil {
//		return err
//	}
//	model, err := als.Train(ctx, device, data.Train, config)
//
// # Formats
//
//	data set          ratings                        movies
//	100K              u.data: tabs                   u.item: bars, Latin-1
//	1M                ratings.dat: ::                movies.dat: ::, Latin-1
//	10M               ratings.dat: ::, half stars    movies.dat: ::, UTF-8
//	20M and later,    ratings.csv: a header,         movies.csv: a header,
//	latest, small     commas                         titles in quotes, UTF-8
//
// The content decides which format a file is in, whether it is compressed and how
// its titles are encoded; names matter only for finding files in a folder. Empty
// lines, a missing end of the last line, \r\n and a byte order mark are taken as
// they come. Everything else that is out of order is a *FileError with the path
// and the line, or is counted where SkipBadLines allows it.
//
// A File is read with one buffer and no allocation per line, so a file may be
// larger than memory.
package dataset
