package dataset

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/stretchr/testify/require"
)

// BenchmarkEach reads a million ratings from memory, in each format.
func BenchmarkEach(b *testing.B) {
	var csv strings.Builder
	require.NoError(b, WriteCSV(context.Background(), &csv, Synthetic{Seed: 1}))
	_, rows, _ := strings.Cut(csv.String(), "\n")
	for _, format := range []struct{ name, file, content string }{
		{"u.data", "u.data", strings.ReplaceAll(rows, ",", "\t")},
		{"dat", "ratings.dat", strings.ReplaceAll(rows, ",", "::")},
		{"csv", "ratings.csv", csv.String()},
		{"csv.gz", "ratings.csv", pack(b, csv.String())},
		{"csv.zst", "ratings.csv", packZstd(b, csv.String())},
		{"parquet", "ratings.parquet", parquetOf(b, parquetRows(b, Synthetic{Seed: 1}))},
	} {
		b.Run(format.name, func(b *testing.B) {
			f, err := inMemory(format.file, format.content, defaults(b))
			require.NoError(b, err)
			b.SetBytes(int64(len(format.content)))
			b.ReportAllocs()
			benchmarkSource(b, f)
		})
	}
}

// BenchmarkEachString reads the same million ratings with strings for ids.
func BenchmarkEachString(b *testing.B) {
	var csv strings.Builder
	require.NoError(b, WriteCSV(context.Background(), &csv, Synthetic{Seed: 1}))
	f, err := inMemory("ratings.csv", csv.String(), defaults(b))
	require.NoError(b, err)
	b.SetBytes(int64(csv.Len()))
	b.ReportAllocs()
	benchmarkSource(b, f.Strings())
}

func parquetRows(b *testing.B, src Source) (rows []parquetRow) {
	for _, r := range collect(b, src) {
		rows = append(rows, parquetRow{r.User, int32(r.Item), r.Value, r.Time})
	}
	return rows
}

func BenchmarkSynthetic(b *testing.B) { benchmarkSource(b, Synthetic{Seed: 1}) }

// BenchmarkSynthetic25M makes ratings in the size of MovieLens 25M.
func BenchmarkSynthetic25M(b *testing.B) {
	benchmarkSource(b, Synthetic{Users: 162_000, Items: 62_000, Ratings: 25_000_000, Seed: 1})
}

func benchmarkSource[K als.Key](b *testing.B, src SourceOf[K]) {
	var n int64
	for b.Loop() {
		if err := src.Each(context.Background(), func(RatingOf[K]) error { n++; return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "Mratings/s")
}

func BenchmarkWriteCSV(b *testing.B) {
	for b.Loop() {
		require.NoError(b, WriteCSV(context.Background(), io.Discard, Synthetic{Seed: 1}))
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		_, err := Load(context.Background(), Synthetic{Seed: 1}, WithHoldout(0.2, 1))
		require.NoError(b, err)
	}
}
