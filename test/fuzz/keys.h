/*
 * test/fuzz/keys.h: a private key for each algorithm, made for this test alone.
 *
 * Depends on nothing.
 */
#ifndef FUZZ_KEYS_H
#define FUZZ_KEYS_H

/* HS256 */
#define KEY_HS256 \
	"{\"kty\":\"oct\",\"use\":\"sig\",\"alg\":\"HS256\",\"kid\":\"HS256\",\"state\":\"current\",\"k\":\"_FS08w4SkeKM-v" \
	"xsUcIrbzReV3WDV3hJFwlJYTnePB0\"}"

/* HS384 */
#define KEY_HS384 \
	"{\"kty\":\"oct\",\"use\":\"sig\",\"alg\":\"HS384\",\"kid\":\"HS384\",\"state\":\"current\",\"k\":\"fAFLeh7vumCraf" \
	"CHaTaC7l3cerdk_rXGG0EpyyKa_rOzFRf6W9oyE8Fsw917qYpQ\"}"

/* HS512 */
#define KEY_HS512 \
	"{\"kty\":\"oct\",\"use\":\"sig\",\"alg\":\"HS512\",\"kid\":\"HS512\",\"state\":\"current\",\"k\":\"TvXq8-dUN0mDvP" \
	"GmWPC6mZJ8Bs7-rrBMNzPAc-w003A0js1hW10Wk8pgDwZnSV9YVl1yCDg0TRZAVM0TeVzLNg\"}"

/* RS256 */
#define KEY_RS256 \
	"{\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"RS256\",\"kid\":\"RS256\",\"state\":\"current\",\"n\":\"lO74aaE7Vl-M9B" \
	"qiIb1uVsdvDSwgi33JiuHir3EOhXREploF_gXeNFroypF0i8pHULOtP9QYhqcD3DdBl__XbaQ8q4YnXKZsmm42cTnS" \
	"eiAofuaZMIZ66TJB4-DSxcQxXSb3XBEYExQ7zQShy6dlsrXxi7RJAn2Rq_4IhaDU_HOakLVcgOEB2-0JIk0V-zVBcf" \
	"hvg6FQUJuxfP857KCF_fnC1EbGq6C8I1ni5oEyjaATlQdB9bybTkIL5jOTbz1Z49qYcod6eL9IvvRdzYq8Bb4sttLl" \
	"ZuowUwFHhYuBeVyR2Fpti6IuRWKYRBUCzp9U1OWuqMzb73mr5fih4_h6jw\",\"e\":\"AQAB\",\"d\":\"GAKD1FjvJ_g00R" \
	"A6HcEG42vjYKGXMuW5yBoCYXuTIRCiwJliveuplucmVax9Ysvevgk5X5Y3Hf4ZhoxMls83-6-uguMYaryputEUayHX" \
	"PLj9I6LUBMP-rKQy2ySI1jklfCRRXGulEJkCdbAkJUt8qa2LSJUX8BQuQnwBrl6Z94NXL62DM5PcmF5QCNkwVYMJfk" \
	"Nk6m9Q0tHexQfUcIdyQiWFFaXMJI2ZFGtlDDR95XspPjYUmuti-u-qk0LSqiFcFIxvlH1Qy17bCVZErZCu2BH18aAw" \
	"dVBpucgHGXTQsgljUv8NI8QEBWhKouX1fYycVDmkamx42IWo9ce3QcMWgQ\",\"p\":\"zO4X8AIxZRL1jfD8_8hXSxKkX" \
	"GG2F8SAiWhdVFenr4-I1pmQXT5ka3EEp1tkJKXbxh1qH_63tse-3CQUyqlFmkFOFw3UG9XYohsjCm0YXuzoYMMXfNV" \
	"XV9wjEiUQ-j1Ku7HeywxQbfIp6nV9Q8zPBaHhH0hmml2bHVThrQqLsDs\",\"q\":\"ugx3v7Dp49KGEv2oIHBtTMtPFkl" \
	"cJsqWRaLAjYErr49VvS2nxAXgO7Z9MWijE7zF4l5uSLWAOgzYV-CNQnNLNVjw8cyLsq6rTzZ1n0UMv51nOdaB2gbDE" \
	"hx-0TCBQrUKeEoXm_e7RVSaX72mRlpIo7GlPTft_sRu_10fr73HLb0\",\"dp\":\"UinT5yK58zBay4InrdYBSdQ7md6D" \
	"R5w9fNofMUXDsZv23TPMsdXmJT23A_KcgCUPrKr2dcWGmv4TA-hjfa3IfkRYrt2YgWCH7ta6gd-juct6j_EoZaCT2G" \
	"ImnYvG9s3EPOTf0sEpLiu9qodYpepjxnpU7Fn26UVGf8gcg2iLASk\",\"dq\":\"ogyYBQxYPIqzIzlzRoYGfbwcL8JIF" \
	"LWiPBctdlNLNMg5GuT4WoHvtLMXyoBkgp2LEsfDcWs9u9JSYgCBqZ54pIfKniHWkBUZu44o10gyeXflYHhZdAktwcm" \
	"2IAkKnYrJCssmU0BtCk9NgxTSDjc3S_VAgtkDYEPCloSLQ-yd31U\",\"qi\":\"xWTlYNL-gjwkBkP_jhIvBgdHuCl_8S" \
	"UpAOmjQl_VlXnD0oZVAp8QE0mBXka_bdlsozkqxn3nxR3af1i3o4GwT4vmuBR9Vwpw0lY6gncEPEIpzRVAIkWc-A20" \
	"uxkC30I5G12Tjq7HhrPI1z7xEvdXpbkd6_wSnNDj3g0NAYNDnrk\"}"

/* PS384 */
#define KEY_PS384 \
	"{\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"PS384\",\"kid\":\"PS384\",\"state\":\"current\",\"n\":\"nIQRF8STE5xoKC" \
	"a9fPzDdRthiZEn7Xq7Z5DwYA4vTEKN8PwvQ_W5oLX-YZnlGUSREceQIjRfmQ8bkWW-7eH6TqzBTFs-Nxy3W1_H40KI" \
	"wodOl7I5-akk-tIZALtIfJoUJ3s2UwOPFTNOjddkdIrjQTx1vb_iDQqajNyXysC_8iCxFXC-RgVuEuZB1lf50TFOrh" \
	"COk3OdhKj2kWwxTZYLLu_iN_FLzWmZrfNfkTQrR4dyNZIUMrzkAIserg9yfk_6TYY6-dLovq4xLFeDVVp3m7tsLETP" \
	"MyOjWpYhaJHET0DLo1qC7kMmTfrh0nvgP39YgIgTWOD85WyDgn1JzR2W3w\",\"e\":\"AQAB\",\"d\":\"ETEGaZxrZT-MR0" \
	"C-FoDy_SV1SLV7c7_D3uPSK1LTiiZTTfF9RZMzgP4Mg27ydZyM7K2FXORwzbCVoBpTZvCn3EVoc_kfs9EBKNWz8Hfp" \
	"6qgPD2WBrbUQ_UXffi-UDi-kYBPOCz88U6FPkw_iFlT9EjjQW_e8Hh-YizldqOUUEEWwAuLMXaSM9retXs6P5z3m-l" \
	"SqiqPX5eQ_xTDzK-NhI4kSjouOUMZzgtiM3Nb5O_qwtTWumUzE4Kzve6KaRsdtrdWC45J-pFJTTdFsL-qKso60YMom" \
	"332_e6PwjCXBg_d7IlCWLk4NQWSqAo931mX11TXHwdnG3PyVK4UnmiGdlQ\",\"p\":\"y5-9EmSk7kqs996pUogGi3P4p" \
	"tCyLiDZU34hjv9uaDQbVz69xInDtZFKwwOkqit_rQKNPpRObsNodBZGwAYB88GET8P5f5oMfphtPiMV4v6kbL6tgDT" \
	"nIA9tbMOGwSMR3cfRanHig4xyUk9Z0duYHS_pG1XFGD9yCwEXQV_KdJM\",\"q\":\"xMZY_qMytUJgp21zjuD5dusVyzp" \
	"28nd0Usa8A3yiQbxkVqNrXf_bAw8W1N7vOCvpcjwFLdnqTLd_FsFRh18wpu0xvjhg3MhYzor_oCwSYR1sGivw1SGrq" \
	"nPPawtGl6PaUj3FNwnNmTohXD2AY_672rzVxcHL3m7pPCI4dGLTcAU\",\"dp\":\"TOhjcDwFM1-PHvvBdkOcPTWrN85h" \
	"ThzoGKnuIOWHHOJ5ZSV0ZXQnMD_VPfz1R7SwP3dUQ8ueKCW0IQx84nAicp-nyrzZUoGrsHD_6dU0ogzNq6kFPQQ-O5" \
	"S4Hrlm_zGwwNSE2zByfn8gesgvw5yuQm_jGoj1rWfhOhjKYM2-WPM\",\"dq\":\"gWPDpTz-3P2WvMFV2T_KCg4vOIFrM" \
	"aimzr9rZgeQUhVlDStMMHVLOEm1w6gMOS12xez9otbGIEgQw4--4nsPbNRPfztnRgZfjwELcfFI7J8CNHtsU1lenii" \
	"k3Uh-1LujlayUf8psbTMyOIsgX6BjOkQtdWonek4IA8ikwrMxQVk\",\"qi\":\"UrHjkhZ-xO-1GSzMsQt-Woami_Xuv8" \
	"lU_c45p2reuynUobqLTZzacH7vGiyQC3uScTfq7b6oURdVz5xl_YTrx9Cfe-C2TSVHUJirUuvupOiw1DgJJrG39Uel" \
	"XCe1Ij9kcnknkElD87Ww86-Oerxv3c9FXKBxlxYqu-HNrT4kdHc\"}"

/* ES256 */
#define KEY_ES256 \
	"{\"kty\":\"EC\",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\"ES256\",\"state\":\"current\",\"x\":\"ccKIc5HPEqmBLur" \
	"O7mUxr3sWrh5SY48RvMJ3v2s6JFo\",\"y\":\"w4_tg33-pQYyHJom5Lbn8T5yPhm82EAWmO31M2apfeg\",\"crv\":\"P-2" \
	"56\",\"d\":\"7cP_oapRZApGE1IUIA1-Tulotur2Qj-34syG-SvAdTs\"}"

/* ES384 */
#define KEY_ES384 \
	"{\"kty\":\"EC\",\"use\":\"sig\",\"alg\":\"ES384\",\"kid\":\"ES384\",\"state\":\"current\",\"x\":\"bZDJc1nKCjIxxGx" \
	"_ujA7RuvlktwxKegKDLtkNkG-dT_CXkiyX8dOWuK2EO8j-xm1\",\"y\":\"CVqd8qYkeUYcDIJhLZ_Rx66rk07Zcrf9EQ" \
	"sAbBC-3wUKhxow-RYv8ObB0agv8aXQ\",\"crv\":\"P-384\",\"d\":\"F52fk9h6FdtQnCamFexLuRV51fNdvYt9Ox6fhSG" \
	"_8duVH-qlEH_T8o-KGtbjShv_\"}"

/* ES512 */
#define KEY_ES512 \
	"{\"kty\":\"EC\",\"use\":\"sig\",\"alg\":\"ES512\",\"kid\":\"ES512\",\"state\":\"current\",\"x\":\"AXbWK8i5W6onBWm" \
	"Ia76s2fPWJt9yfbsZptDeU-VHWfdGfekkGAYd5xhnmWeiicdWXZlFfksCXsLp7S3PfA7UgAgZ\",\"y\":\"ABnazkecp3" \
	"NHxykN8rrqKx_GIldkzhRd-jWAejBNSBSzHqgLen7v-U63XBIUWUFXK3hw7ZyKEdfc58-KdEtonuc3\",\"crv\":\"P-5" \
	"21\",\"d\":\"AGimcOW5AOX73TjlP3lfWJSMHvz51hHvixlJjbAym1rUuQzUWhPhgyc4oPfEuizNSQbKtmOQ3HUtOV4G7" \
	"QMmNhN5\"}"

/* EdDSA */
#define KEY_EDDSA \
	"{\"kty\":\"OKP\",\"use\":\"sig\",\"alg\":\"EdDSA\",\"kid\":\"EdDSA\",\"state\":\"current\",\"crv\":\"Ed25519\",\"d\"" \
	":\"kJQItbNj4ool_TrIgj74O9TUrFZXKLo6AbMdDb29yVQ\",\"x\":\"ISmL_YlEhfSg4blRmjjQT9_zretIqadGVfjlSo" \
	"DsOek\"}"

/* Ed448 */
#define KEY_ED448 \
	"{\"kty\":\"OKP\",\"use\":\"sig\",\"alg\":\"EdDSA\",\"kid\":\"Ed448\",\"state\":\"current\",\"crv\":\"Ed448\",\"d\":\"" \
	"OgHniJg5k1MpugmpKOdbQg4uDvbe4zVMmygak9issONcuHtwA-G93MON8XI5GWYZsj4XBj5QUOvd\",\"x\":\"1YOZ5mu" \
	"PLx-CVBX2gq8eBfg0OVJR8kPakDLsrw8l6m_o7CGsFrSIAEkcLseujBYJmW444hTR8PmA\"}"

#define ALL_KEYS \
	KEY_HS256, KEY_HS384, KEY_HS512, KEY_RS256, KEY_PS384, KEY_ES256, KEY_ES384, KEY_ES512, \
	KEY_EDDSA, KEY_ED448

#endif							/* FUZZ_KEYS_H */
