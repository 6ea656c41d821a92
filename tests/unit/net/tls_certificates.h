#ifndef TLS_CERTIFICATES_H
#define TLS_CERTIFICATES_H

/* Certificates and keys made while the tests run, in a folder of their own, and settings with them.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "conf/settings.h"
#include "test.h"

struct identity {
	EVP_PKEY *key;
	X509 *certificate;
	char certificate_file[96], key_file[96];
};

static char certificates_folder[64];

static inline void certificates_remove(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -r %s", certificates_folder);
	if (system(command) != 0)
		puts("a temporary folder was left behind");
}

static inline const char *certificates_path(const char *name, const char *suffix, char path[96])
{
	if (!*certificates_folder) {
		strcpy(certificates_folder, "/tmp/tls_certificates_XXXXXX");
		if (!mkdtemp(certificates_folder))
			abort();
		atexit(certificates_remove);
	}
	snprintf(path, 96, "%s/%s.%s", certificates_folder, name, suffix);
	return path;
}

static inline void identity_write(struct identity *identity, const char *name)
{
	FILE *file = fopen(certificates_path(name, "crt", identity->certificate_file), "w");

	PEM_write_X509(file, identity->certificate);
	fclose(file);
	file = fopen(certificates_path(name, "key", identity->key_file), "w");
	PEM_write_PrivateKey(file, identity->key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
}

static inline void add_extension(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert(extension);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

struct identity_wish {
	const char *file;	     /* base name of its files */
	const char *name;	     /* CN */
	const char *alternative;     /* subjectAltName, or NULL */
	const struct identity *from; /* who signs; NULL: itself, as an authority */
	EVP_PKEY *key;		     /* taken; NULL: a fresh one on P-256 */
	const EVP_MD *hash;	     /* of the signature; NULL: SHA-256 */
	int days;		     /* valid from yesterday on; 0: for ten */
};

static inline struct identity identity_make(const struct identity_wish *wish)
{
	struct identity made = { .key = wish->key ? wish->key : EVP_EC_gen("P-256"),
				 .certificate = X509_new() };
	const struct identity *signer = wish->from ? wish->from : &made;
	bool own_hash = EVP_PKEY_get_id(signer->key) == EVP_PKEY_ED25519;
	X509_NAME *subject = X509_get_subject_name(made.certificate);
	static long serial = 1;

	X509_set_version(made.certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), serial++);
	X509_gmtime_adj(X509_getm_notBefore(made.certificate), -86400);
	X509_gmtime_adj(X509_getm_notAfter(made.certificate),
			(wish->days ? wish->days : 10) * 86400L);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)wish->name,
				   -1, -1, 0);
	X509_set_issuer_name(made.certificate, X509_get_subject_name(signer->certificate));
	X509_set_pubkey(made.certificate, made.key);
	if (!wish->from)
		add_extension(made.certificate, NID_basic_constraints, "critical,CA:TRUE");
	if (wish->alternative)
		add_extension(made.certificate, NID_subject_alt_name, wish->alternative);
	X509_sign(made.certificate, signer->key,
		  own_hash     ? NULL
		  : wish->hash ? wish->hash
			       : EVP_sha256());
	identity_write(&made, wish->file);
	return made;
}

static inline void identity_free(struct identity *identity)
{
	EVP_PKEY_free(identity->key);
	X509_free(identity->certificate);
	*identity = (struct identity){ NULL, NULL, "", "" };
}

/* The settings of TLS as they are by default, with clients switched off. */
static inline struct settings tls_settings(void)
{
	return (struct settings){
		.client_tls_sslmode = TLS_MODE_DISABLE,
		.client_tls_ca_file = "",
		.client_tls_cert_file = "",
		.client_tls_key_file = "",
		.client_tls_ciphers = "default",
		.client_tls_protocols = "secure",
		.client_tls_dheparams = "auto",
		.client_tls_ecdhcurve = "auto",
		.server_tls_sslmode = TLS_MODE_PREFER,
		.server_tls_ca_file = "",
		.server_tls_cert_file = "",
		.server_tls_key_file = "",
		.server_tls_ciphers = "default",
		.server_tls_protocols = "secure",
	};
}

#endif
