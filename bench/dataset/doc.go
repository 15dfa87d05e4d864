// Package dataset reads MovieLens and other files of ratings, and makes ratings
// like those of MovieLens.
//
// A Source can be gone through rating by rating, more than once:
//
//	File       MovieLens 100K, 1M, 10M, 20M, 25M, 32M and latest; any CSV, TSV
//	           or Parquet file; plain or compressed with gzip or zstd; from a
//	           path or, with FromReader, from anywhere
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
// EachBatch gives a File as it is, thousands of ratings at a time in columns, and
// ReadColumns all of them:
//
//	var sum float64
//	err := dataset.EachBatch(ctx, file, func(b dataset.Batch[uint32]) error {
//		for _, v := range b.Values {
//			sum += float64(v)
//		}
//		return nil
//	})
//
// # Ids
//
// Users and items of MovieLens go by whole numbers, and a File is a Source of
// such. File.Strings gives the same ratings with ids as they stand in the file, for
// files with others; Load then makes an als.Index of strings.
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
// Other text files have a header that names the columns, or options that say where
// they are:
//
//	dataset.Open("plays.tsv", dataset.WithoutHeader(),
//		dataset.WithColumns(dataset.Columns{Rating: "4"}))
//	dataset.Open("orders.csv", dataset.WithSeparator(";"),
//		dataset.WithColumns(dataset.Columns{User: "customer", Item: "sku", Rating: dataset.NoColumn}))
//
// The content decides which format a file is in, whether it is compressed and how
// its titles are encoded; names matter only for finding files in a folder. Empty
// lines, a missing end of the last line, \r\n and a byte order mark are taken as
// they come; a field in quotes ends on its line. Everything else that is out of
// order is a *FileError with the path and the line, or the row of a Parquet file,
// or is counted where SkipBadLines allows it.
//
// A text file is read with one buffer and no allocation per line, so it may be
// larger than memory. Load, EachBatch and ReadColumns read one that is not compressed on
// all cores, in chunks of whole lines, by the same parser; on Linux from a mapping of the
// file, which may change or be cut off meanwhile. Of a Parquet file a page of each column
// is held, and the whole if it is compressed from outside or has no io.ReaderAt.
package dataset
