package azure

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/retry"
	"github.com/genepattern/ferry/sync/store/wire"
)

// An Error is the error of a request, or of one try of it.
type Error struct {
	wire.RequestError
	renewed bool // the token was refused, and the next try has another
}

var _ cause.Hinted = (*Error)(nil)

// ErrorCode is for the retry.Loop: an answer without a code of the service is that of a gateway before it.
func (e *Error) ErrorCode() string { return e.Code }

// fault makes an Error that does not come from an answer. kind and err may be nil, and message "".
func (s *Store) fault(op, key string, kind error, message string, err error) *Error {
	return &Error{RequestError: wire.RequestError{Op: op, URL: s.URL(key), Kind: kind, Message: message, Advice: s.advice(kind), Err: err}}
}

// hints are what a user of Azure can do, by kind.
var hints = map[error]string{
	store.ErrCredentials: "set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or log in: `az login`, a managed identity, AZURE_CLIENT_ID with AZURE_TENANT_ID and AZURE_CLIENT_SECRET",
	store.ErrDenied:      "reading needs the role Storage Blob Data Reader on the container, writing Storage Blob Data Contributor; a SAS needs the permissions rl, or racwdl; does the account's firewall let this machine in?",
	store.ErrArchived:    "`az storage blob set-tier --tier Hot` brings it back, which takes up to 15 hours",
	store.ErrNoBucket:    "are the names of account and container right? `az storage container create` makes one",
	store.ErrUnreachable: "is the account's name right, and the network there?",
}

// advice is the hint of a kind, with what is wrong with the credentials that were found.
func (s *Store) advice(kind error) string {
	h := hints[kind]
	if kind == store.ErrCredentials {
		if why := s.auth.note(); why != "" {
			return why + "; " + h
		}
	}
	return h
}

// errorBody is the XML of an error answer.
type errorBody struct {
	Code, Message, AuthenticationErrorDetail string
}

// answerError makes an Error of an answer with another status than the wanted one.
func (s *Store) answerError(r *request, resp *http.Response) *Error {
	e := s.fault(r.op, r.named(), nil, "", nil)
	e.Status = resp.StatusCode
	var body errorBody
	if xml.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&body) == nil {
		e.Code = body.Code
		e.Message, _, _ = strings.Cut(body.Message, "\n") // then comes the request's id, and its time
		// What else that element may hold is the text that was to be signed.
		if d := body.AuthenticationErrorDetail; strings.HasPrefix(d, "Signature not valid in the specified time frame") {
			e.Message = d
		}
	}
	if c := resp.Header.Get("X-Ms-Error-Code"); c != "" {
		e.Code = c
	}
	e.RequestID = resp.Header.Get("X-Ms-Request-Id")
	e.Wait = wire.RetryAfter(resp.Header)
	e.Kind = kindOf(e, r.method)
	if e.Kind == store.ErrNotExist && r.key == "" {
		e.Kind = store.ErrNoBucket
	}
	nobody := s.auth.anonymous() && refused[e.Code] // who may not see it is told that it is not there
	if nobody || e.Kind == store.ErrDenied && s.auth.over() {
		e.Kind = store.ErrCredentials
	}
	e.Advice = s.advice(e.Kind)
	if e.Code == "AuthorizationFailure" && e.Kind == store.ErrDenied { // a firewall's word, and an emulator's for a wrong key
		e.Advice = s.auth.note() + "; " + e.Advice
	}
	if text := advices[e.Code]; text != "" && !nobody {
		e.Advice = text
	}
	if e.Status == http.StatusUnauthorized {
		e.renewed = s.auth.renew()
	}
	return e
}

// refused are the codes that an unsigned request meets where there is more than it may see.
var refused = map[string]bool{"ResourceNotFound": true, "PublicAccessNotPermitted": true, "NoAuthenticationInformation": true, "InvalidAuthenticationInfo": true,
	"AuthorizationFailure": true}

// advices go with codes that say more than their kind.
var advices = map[string]string{
	"InvalidBlobType":                     "it is a page or append blob, which cannot become an ordinary one: delete it, or write elsewhere",
	"LeaseIdMissing":                      "somebody holds a lease on it: `az storage blob lease break` ends that",
	"SnapshotsPresent":                    "it has snapshots, which `az storage blob delete --delete-snapshots include` removes with it",
	"BlobImmutableDueToPolicy":            "the container's policy lets nobody change or delete it yet",
	"AccountIsDisabled":                   "the account is disabled: its owner can enable it in the portal",
	"AuthorizationProtocolMismatch":       "the SAS is for https only, or the account takes https only",
	"AuthorizationSourceIPMismatch":       "the SAS is for other addresses than this machine's",
	"KeyBasedAuthenticationNotPermitted":  "the account takes no keys and no SAS made with one: log in with `az login` or a managed identity",
	"InvalidAuthenticationInfo":           "the token or SAS is not for this account: was it cut off, or is AZURE_TENANT_ID another's?",
	"UnsupportedHeader":                   "the endpoint knows no such requests: is it Azure's, or an emulator of this year?",
	"InvalidQueryParameterValue":          "the endpoint knows no such requests: is it Azure's, or an emulator of this year?",
	"MetadataTooLarge":                    "all metadata of a blob together has at most 8 KiB",
	"ContainerBeingDeleted":               "the container is being deleted, and can be made again in some minutes",
	"BlobBeingRehydrated":                 "it is on its way back from the archive, which takes up to 15 hours",
	"BlobUsesCustomerSpecifiedEncryption": "it is encrypted with a key that requests must bring, which ferry cannot",
}

// kindOf is what an answer means. Preconditions are only set on what is read.
func kindOf(e *Error, method string) error {
	switch e.Code {
	case "ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled":
		return store.ErrNoBucket
	case "BlobNotFound", "PathNotFound":
		return store.ErrNotExist
	case "AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation", "PublicAccessNotPermitted", "KeyBasedAuthenticationNotPermitted":
		return store.ErrCredentials
	case "BlobArchived", "BlobBeingRehydrated":
		return store.ErrArchived
	case "LeaseIdMissing", "BlobImmutableDueToPolicy", "SnapshotsPresent", "BlobUsesCustomerSpecifiedEncryption":
		return store.ErrDenied
	}
	switch {
	case e.Status == http.StatusUnauthorized:
		return store.ErrCredentials
	case e.Status == http.StatusPreconditionFailed && method != http.MethodGet:
		return nil
	}
	return wire.KindOf(e.Status)
}

// sendError makes an Error of a request that got no answer, or not all of it.
func (s *Store) sendError(ctx context.Context, op, key string, err error) error {
	if ended := wire.Ended(ctx, op, s.URL(key)); ended != nil {
		return ended
	}
	e := s.fault(op, key, store.ErrUnreachable, "", err)
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		e.Advice = "is there an account " + strconv.Quote(s.at.Account) + "? its name is the first part of " + s.base.Host
	}
	return e
}

// A policy is that of any store over HTTP, and renews tokens.
type policy struct {
	retry.Standard
	auth authorizer
}

var _ retry.Policy = policy{}

// corrupted are the answers to a body that came otherwise than it was sent. The last one is Azurite's.
var corrupted = map[string]bool{"Md5Mismatch": true, "Crc64Mismatch": true, "InvalidOperation": true}

// Retryable adds a body that was corrupted on its way, and a token that was renewed.
func (p policy) Retryable(err error) bool {
	var e *Error
	if errors.As(err, &e) && (corrupted[e.Code] || e.renewed) {
		return true
	}
	return p.Standard.Retryable(err)
}

// Delay is none where a renewed token is tried.
func (p policy) Delay(try int, err error) time.Duration {
	var e *Error
	if errors.As(err, &e) && e.renewed {
		return 0
	}
	return p.Standard.Delay(try, err)
}
