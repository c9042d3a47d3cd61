package s3

import (
	"context"
	"encoding/xml"
	"io"
	"net/http"
)

// maxDocument is the most of an answer that is read, in bytes.
const maxDocument = 4 << 20

// maxPage is the most of an answer about a thousand keys, each of which may be a kilobyte and escaped.
const maxPage = 64 << 20

// document sends r and reads the XML of its answer into v. S3 begins some answers before it knows how they end: a document may be an
// error although the status was 200.
func (cp copying) document(ctx context.Context, r *request, v any) error {
	s := cp.s
	return s.send(ctx, r, func(resp *http.Response) error {
		defer resp.Body.Close()
		doc, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument))
		if err != nil {
			return s.sendError(ctx, r.op, r.named(), err)
		}
		var failed struct {
			XMLName xml.Name
			errorBody
		}
		if err := xml.Unmarshal(doc, &failed); err != nil {
			return s.sendError(ctx, r.op, r.named(), err) // it was cut off
		}
		if failed.XMLName.Local == "Error" {
			e := s.fault(r.op, r.named(), nil, failed.Message, nil)
			e.Code, e.RequestID, e.Status = failed.Code, failed.RequestID, http.StatusOK
			if e.Code == "InternalError" {
				e.Status = http.StatusInternalServerError // it would have been
			}
			return e.withKind()
		}
		if err := xml.Unmarshal(doc, v); err != nil {
			return s.fault(r.op, r.named(), nil, "", err)
		}
		return nil
	})
}
