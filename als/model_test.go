package als_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
)

// smallModel trains a model under the given keys.
func smallModel[U, I als.Key](t testing.TB, cfg als.Config, users []U, items []I) *als.Model {
	t.Helper()
	b := als.NewBuilder[U, I]()
	for u, user := range users {
		for i, item := range items {
			if (u+i)%3 != 0 {
				require.NoError(t, b.Add(user, item, float32(1+(u*i)%5)))
			}
		}
	}
	ratings, err := b.Ratings(t.Context())
	require.NoError(t, err)
	model, err := als.Train(t.Context(), open(t, kernels.Options{}), ratings, cfg, als.WithLoss())
	require.NoError(t, err)
	return model
}

func smallConfig(biases bool) als.Config {
	cfg := als.DefaultConfig()
	cfg.Rank, cfg.Iterations, cfg.Biases = 3, 2, biases
	return cfg
}

func encode(t testing.TB, m *als.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := m.WriteTo(&b)
	require.NoError(t, err)
	require.Equal(t, int64(b.Len()), n)
	return b.Bytes()
}

func TestModelFileRoundTrip(t *testing.T) {
	rows, err := als.NewRatings(2, 3, []int32{0, 1, 1}, []int32{1, 1, 2}, []float32{1, 2, 3}, als.RejectDuplicates)
	require.NoError(t, err)
	withoutIDs, err := als.Train(t.Context(), open(t, kernels.Options{}), rows, smallConfig(false))
	require.NoError(t, err)
	for name, m := range map[string]*als.Model{
		"int64 and int32":  smallModel(t, smallConfig(false), []int64{5, -6, 1 << 60}, []int32{7, 8, -9, 10}),
		"string and uint":  smallModel(t, smallConfig(true), []string{"ann", "", "zoë\x00"}, []uint64{1, 1 << 63, 0}),
		"no ids, no loss":  withoutIDs,
		"named kinds":      smallModel(t, smallConfig(true), []userName{"ann", "bob"}, []movieID{4, 5, 6}),
		"every field used": smallModel(t, als.Config{Convention: als.IALS, Rank: 2, Iterations: 2, Lambda: 0.125, Regularization: als.Power, Nu: 0.75, Alpha: 2, W0: 0.25, Biases: true, BiasLambda: 3, Solver: als.Subspace, Steps: 2, Block: 1, Seed: 1<<64 - 1}, []int64{1, 2}, []int64{1, 2, 3}),
	} {
		t.Run(name, func(t *testing.T) {
			file := encode(t, m)
			require.Equal(t, file, encode(t, m), "the same bytes every time")
			// One byte at a time, with more behind: nothing beyond the model is read.
			r := bytes.NewReader(append(bytes.Clone(file), "more"...))
			back, err := als.Read(iotest.OneByteReader(r))
			require.NoError(t, err)
			rest, err := io.ReadAll(r)
			require.NoError(t, err)
			require.Equal(t, "more", string(rest))
			requireSameModel(t, m, back)
			require.Equal(t, file, encode(t, back))
		})
	}
}

func requireSameModel(t *testing.T, want, got *als.Model) {
	t.Helper()
	require.Equal(t, want.Config(), got.Config())
	require.Equal(t, want.Mean(), got.Mean())
	require.ElementsMatch(t, want.Losses(), got.Losses())
	require.Equal(t, want.Users(), got.Users())
	require.Equal(t, want.Items(), got.Items())
	for u := range want.Users() {
		require.Equal(t, want.UserFactors(u), got.UserFactors(u))
		require.Equal(t, want.UserBias(u), got.UserBias(u))
		require.Equal(t, want.UserRatings(u), got.UserRatings(u))
	}
	for i := range want.Items() {
		require.Equal(t, want.ItemFactors(i), got.ItemFactors(i))
		require.Equal(t, want.ItemBias(i), got.ItemBias(i))
		require.Equal(t, want.ItemRatings(i), got.ItemRatings(i))
	}
	for _, ids := range [][2]als.IDs{{want.UserIDs(), got.UserIDs()}, {want.ItemIDs(), got.ItemIDs()}} {
		require.Equal(t, ids[0] == nil, ids[1] == nil)
		if ids[0] == nil {
			continue
		}
		require.Equal(t, ids[0].Len(), ids[1].Len())
		for row := range ids[0].Len() {
			require.Equal(t, ids[0].Name(row), ids[1].Name(row))
		}
	}
}

// TestIDsThatGrew: keys that are added after training are no part of the model.
func TestIDsThatGrew(t *testing.T) {
	b := als.NewBuilder[string, uint64]()
	require.NoError(t, b.Add("ann", 7, 3))
	require.NoError(t, b.Add("bob", 8, 4))
	ratings, err := b.Ratings(t.Context())
	require.NoError(t, err)
	m, err := als.Train(t.Context(), open(t, kernels.Options{}), ratings, smallConfig(false))
	require.NoError(t, err)
	before := encode(t, m)
	_, err = b.Users.Add("cem")
	require.NoError(t, err)
	_, err = b.Items.Add(9)
	require.NoError(t, err)
	require.Equal(t, before, encode(t, m))
	_, err = als.Read(bytes.NewReader(encode(t, m)))
	require.NoError(t, err)
}

func TestIDsOfAReadModelAreTyped(t *testing.T) {
	m := smallModel(t, smallConfig(false), []userName{"ann", "bob"}, []movieID{4, 5, 6})
	back, err := als.Read(bytes.NewReader(encode(t, m)))
	require.NoError(t, err)
	users, err := als.IndexOf[userName](back.UserIDs())
	require.NoError(t, err)
	row, ok := users.Row("bob")
	require.True(t, ok)
	require.Equal(t, 1, row)
	items, err := als.IndexOf[movieID](back.ItemIDs())
	require.NoError(t, err)
	require.Equal(t, movieID(4), items.Key(2), "the first user rated 5 and 6")
	_, err = als.IndexOf[int64](back.UserIDs())
	require.Error(t, err)
}

// TestModelFileIsSafetensors reads the file by the published format alone.
func TestModelFileIsSafetensors(t *testing.T) {
	m := smallModel(t, smallConfig(true), []string{"ann", "bob"}, []int64{4, 5, 6})
	file := encode(t, m)
	n := binary.LittleEndian.Uint64(file)
	require.Zero(t, n%8)
	var header map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(file[8:8+n], &header))
	var metadata map[string]string
	require.NoError(t, json.Unmarshal(header["__metadata__"], &metadata))
	require.Equal(t, "halfstep-als", metadata["format"])
	delete(header, "__metadata__")
	data := file[8+n:]
	covered := 0
	for name, text := range header {
		var entry struct {
			DType   string   `json:"dtype"`
			Shape   []int    `json:"shape"`
			Offsets [2]int64 `json:"data_offsets"`
		}
		require.NoError(t, json.Unmarshal(text, &entry))
		bytes := data[entry.Offsets[0]:entry.Offsets[1]]
		covered += len(bytes)
		switch name {
		case "item_factors":
			require.Equal(t, "F32", entry.DType)
			require.Equal(t, []int{3, 3}, entry.Shape)
			require.Equal(t, m.ItemFactors(1)[2], math.Float32frombits(binary.LittleEndian.Uint32(bytes[4*5:])))
		case "item_ids":
			require.Equal(t, "I64", entry.DType)
			require.Equal(t, uint64(4), binary.LittleEndian.Uint64(bytes[16:]), "the first user rated 5 and 6")
		case "user_ids":
			require.Equal(t, "U8", entry.DType)
			require.Equal(t, "annbob", string(bytes))
		}
	}
	require.Equal(t, len(data), covered)
}

func TestTruncatedModelFile(t *testing.T) {
	file := encode(t, smallModel(t, smallConfig(true), []string{"ann", "bob"}, []int64{4, 5, 6}))
	for n := range file {
		m, err := als.Read(bytes.NewReader(file[:n]))
		require.ErrorIs(t, err, als.ErrFormat, "the first %d bytes of %d", n, len(file))
		require.Nil(t, m)
	}
}

func TestChangedModelFile(t *testing.T) {
	file := encode(t, smallModel(t, smallConfig(true), []string{"ann", "bob"}, []int64{4, 5, 6}))
	kinds := make(map[error]int)
	for at := range file {
		for _, flip := range []byte{1, 0x20, 0x80} {
			changed := bytes.Clone(file)
			changed[at] ^= flip
			m, err := als.Read(bytes.NewReader(changed))
			require.Nil(t, m, "byte %d of %d", at, len(file))
			known := false
			for _, kind := range []error{als.ErrFormat, als.ErrChecksum, als.ErrVersion} {
				if errors.Is(err, kind) {
					known = true
					kinds[kind]++
				}
			}
			require.True(t, known, "byte %d of %d: %v", at, len(file), err)
		}
	}
	require.NotZero(t, kinds[als.ErrChecksum])
	require.NotZero(t, kinds[als.ErrFormat])
}

func TestModelFileOfAnotherVersion(t *testing.T) {
	file := encode(t, smallModel(t, smallConfig(false), []int64{1, 2}, []int64{4, 5, 6}))
	newer := bytes.Replace(file, []byte(`"version":"1"`), []byte(`"version":"2"`), 1)
	require.NotEqual(t, file, newer)
	_, err := als.Read(bytes.NewReader(newer))
	require.ErrorIs(t, err, als.ErrVersion)
	require.ErrorContains(t, err, `version "2", want "1"`)
}

func TestOtherFilesAreNoModels(t *testing.T) {
	header := func(json string) string {
		return string(binary.LittleEndian.AppendUint64(nil, uint64(len(json)))) + json
	}
	for name, content := range map[string]string{
		"text":             "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n",
		"huge header":      "\xff\xff\xff\xff\xff\xff\xff\x7f{}",
		"no json":          header("{]"),
		"no metadata":      header(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`) + "abcd",
		"other safetensor": header(`{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`) + "abcd",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := als.Read(bytes.NewReader([]byte(content)))
			require.ErrorIs(t, err, als.ErrFormat)
		})
	}
	_, err := als.Read(iotest.ErrReader(io.ErrClosedPipe))
	require.ErrorIs(t, err, io.ErrClosedPipe, "errors of the reader pass through")
}

func TestWriteFileAndReadFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model.safetensors")
	m := smallModel(t, smallConfig(false), []int64{1, 2}, []int64{4, 5, 6})
	require.NoError(t, als.WriteFile(path, m))
	back, err := als.ReadFile(path)
	require.NoError(t, err)
	requireSameModel(t, m, back)

	// A write that fails half way leaves the old file and no other.
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	err = als.WriteFile(path, failing{})
	require.ErrorIs(t, err, io.ErrShortWrite)
	require.ErrorContains(t, err, path)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)

	require.NoError(t, os.WriteFile(path, append(before, 'x'), 0))
	require.NoError(t, os.Chmod(path, 0o600))
	_, err = als.ReadFile(path)
	require.ErrorIs(t, err, als.ErrFormat)
	require.ErrorContains(t, err, path)

	// The mode of a file that is replaced stays.
	require.NoError(t, als.WriteFile(path, m))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	_, err = als.ReadFile(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Error(t, als.WriteFile(filepath.Join(dir, "none", "model"), m))
}

// failing writes something and fails.
type failing struct{}

func (failing) WriteTo(w io.Writer) (int64, error) {
	n, _ := w.Write(make([]byte, 3<<20))
	return int64(n), io.ErrShortWrite
}

// FuzzRead checks that no data make Read panic, and that what it accepts is a
// model that can be written and read again.
func FuzzRead(f *testing.F) {
	f.Add(encode(f, smallModel(f, smallConfig(true), []string{"ann", "bob"}, []int64{4, 5, 6})))
	f.Add(encode(f, smallModel(f, smallConfig(false), []int32{1}, []uint64{4, 5})))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := als.Read(bytes.NewReader(data))
		if err != nil {
			require.Nil(t, m)
			return
		}
		file := encode(t, m)
		back, err := als.Read(bytes.NewReader(file))
		require.NoError(t, err)
		require.Equal(t, file, encode(t, back))
	})
}
