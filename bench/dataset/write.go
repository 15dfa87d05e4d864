package dataset

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strconv"
)

// WriteCSV writes ratings as MovieLens 20M and later have them: the header
// userId,movieId,rating,timestamp and a line for each rating, with at least one
// decimal. Open reads the same ratings back.
func WriteCSV(ctx context.Context, w io.Writer, src Source) error {
	buffered := bufio.NewWriterSize(w, 1<<16)
	if _, err := buffered.WriteString("userId,movieId,rating,timestamp\n"); err != nil {
		return err
	}
	var line []byte
	err := src.Each(ctx, func(r Rating) error {
		line = appendCSV(line[:0], r)
		_, err := buffered.Write(line)
		return err
	})
	if err != nil {
		return err
	}
	return buffered.Flush()
}

func appendCSV(line []byte, r Rating) []byte {
	line = strconv.AppendInt(line, r.User, 10)
	line = append(line, ',')
	line = strconv.AppendInt(line, r.Item, 10)
	line = append(line, ',')
	value := len(line)
	line = strconv.AppendFloat(line, float64(r.Value), 'f', -1, 32)
	if bytes.IndexByte(line[value:], '.') < 0 {
		line = append(line, ".0"...)
	}
	line = append(line, ',')
	line = strconv.AppendInt(line, r.Time, 10)
	return append(line, '\n')
}
